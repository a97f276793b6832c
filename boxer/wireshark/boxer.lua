-- SPDX-License-Identifier: MIT
--
-- Dissector for Boxer's control connections, docs/protocol.md. To use it:
--
--	tshark -X lua_script:boxer.lua -o tcp.try_heuristic_first:TRUE -r FILE -Y boxer
--
-- or put it into Wireshark's folder of personal plugins. No port is Boxer's: a
-- TCP connection is taken for one of Boxer's when a segment begins with a frame's
-- header. The preference is wanted where the port has a protocol of its own.
--
-- Theory of operation
--
-- A body is a list of fields, and a table says for each type which they are.
-- Whether a code follows a frame depends on whether its sender has been proven:
-- a direction remembers the packet of its PROOF. Where a capture begins in the
-- middle, the type tells, for types from 16 on are only said in sessions.
-- Everything that is remembered is remembered by the packet's number, so that
-- looking at packets again, in any order, shows the same.
--
-- Nothing is read beyond what was captured, nor beyond a body's end.

local MAGIC, VERSION = 0x4278, 2
local HEADER_LEN, BODY_MAX, CODE_LEN, TOKEN_LEN = 8, 4096, 16, 16
local ID_JOINING, ID_SEED = 0xfffffffe, 0xffffffff
local FIRST_SEALED = 16

local HELLO, PROOF, RELAY, RELAYED = 1, 2, 6, 7

-- The next tables are held against the C sources by a test.

local types = {
	[1] = "HELLO",
	[2] = "PROOF",
	[3] = "REFUSE",
	[4] = "OBSERVE",
	[5] = "OBSERVED",
	[6] = "RELAY",
	[7] = "RELAYED",
	[16] = "JOIN",
	[17] = "JOINED",
	[18] = "REJECT",
	[19] = "MEMBER",
	[20] = "GONE",
	[21] = "LEAVE",
	[22] = "PROBE",
	[23] = "BARRIER",
	[24] = "RELEASED",
	[25] = "VIA",
	[32] = "PING",
	[33] = "PONG",
	[48] = "SELECT",
	[49] = "PUNCH",
	[50] = "PUNCHED",
	[51] = "DONE",
	[52] = "INTRODUCE",
}

local reasons = {
	[0] = "none",
	[1] = "timeout",
	[2] = "seed-unreachable",
	[3] = "wrong-key",
	[4] = "wrong-version",
	[5] = "protocol-violation",
	[6] = "duplicate-name",
	[7] = "duplicate-address",
	[8] = "cluster-full",
	[9] = "not-a-member",
	[10] = "no-link",
	[11] = "refused",
	[12] = "not-intercepted",
	[13] = "port-unknown",
	[14] = "unreachable",
	[15] = "local-resource",
	[16] = "left",
	[17] = "lost",
	[18] = "duplicate-id",
	[19] = "surplus",
	[20] = "no-strategy",
	[21] = "not-allowed",
	[22] = "not-found",
	[23] = "relay-failed",
	[24] = "reset",
	[25] = "busy",
}

local strategies = {
	[1] = "sequential",
	[2] = "simultaneous",
	[3] = "direct",
	[4] = "private",
	[5] = "synchronised",
	[6] = "reverse",
	[7] = "predict",
	[8] = "birthday",
	[9] = "relay",
}

local mappings = {
	[0] = "unknown",
	[1] = "none",
	[2] = "endpoint-independent",
	[3] = "address-dependent",
	[4] = "address-and-port-dependent",
	[5] = "not-port-dependent",
}

local ports = {
	[0] = "unknown",
	[1] = "kept",
	[2] = "sequential",
	[3] = "changed",
}

local filterings = {
	[0] = "unknown",
	[1] = "endpoint-independent",
	[2] = "address-dependent",
	[3] = "address-and-port-dependent",
	[4] = "not-port-dependent",
}

local refusals = {
	[0] = "unknown",
	[1] = "silent",
	[2] = "refuses",
}

-- Fields and expert information

local boxer = Proto("boxer", "Boxer control protocol")

local f = {
	magic = ProtoField.uint16("boxer.magic", "Magic", base.HEX),
	version = ProtoField.uint8("boxer.version", "Version"),
	type = ProtoField.uint8("boxer.type", "Type", base.DEC, types),
	length = ProtoField.uint32("boxer.length", "Length of the body"),
	body = ProtoField.bytes("boxer.body", "Body"),
	code = ProtoField.bytes("boxer.code", "Code"),
	mac = ProtoField.bytes("boxer.mac", "Code of the frame"),
	data = ProtoField.bytes("boxer.data", "Data"),
	from = ProtoField.uint32("boxer.from", "From"),
	to = ProtoField.uint32("boxer.to", "To"),
	nonce = ProtoField.bytes("boxer.nonce", "Nonce"),
	proof = ProtoField.bytes("boxer.proof", "Proof"),
	reason = ProtoField.uint16("boxer.reason", "Reason", base.DEC, reasons),
	token = ProtoField.bytes("boxer.token", "Token"),
	name = ProtoField.string("boxer.name", "Name"),
	role = ProtoField.string("boxer.role", "Role"),
	id = ProtoField.uint32("boxer.id", "Id"),
	claim = ProtoField.uint32("boxer.claim", "Claimed id"),
	flags = ProtoField.uint8("boxer.flags", "Flags", base.HEX),
	flag_visit = ProtoField.bool("boxer.flags.visit", "Visit", 8, nil, 0x01),
	flag_relay = ProtoField.bool("boxer.flags.relay", "Relay", 8, nil, 0x02),
	membership = ProtoField.uint64("boxer.membership", "Version of the membership"),
	seen = ProtoField.string("boxer.seen", "Seen"),
	inside = ProtoField.string("boxer.inside", "Inside"),
	overlay = ProtoField.string("boxer.overlay", "Overlay"),
	observed = ProtoField.string("boxer.observed", "Observed"),
	observers = ProtoField.uint8("boxer.observers", "Observers"),
	observer = ProtoField.string("boxer.observer", "Observer"),
	external = ProtoField.string("boxer.external", "External"),
	source = ProtoField.string("boxer.source", "Source"),
	target = ProtoField.string("boxer.target", "Target"),
	addr_family = ProtoField.uint8("boxer.addr.family", "Family"),
	addr_ipv4 = ProtoField.ipv4("boxer.addr.ipv4", "Address"),
	addr_ipv6 = ProtoField.ipv6("boxer.addr.ipv6", "Address"),
	addr_port = ProtoField.uint16("boxer.addr.port", "Port"),
	mapping = ProtoField.uint8("boxer.mapping", "Mapping", base.DEC, mappings),
	ports = ProtoField.uint8("boxer.ports", "Ports", base.DEC, ports),
	filtering = ProtoField.uint8("boxer.filtering", "Filtering", base.DEC, filterings),
	refusal = ProtoField.uint8("boxer.refusal", "Refusal", base.DEC, refusals),
	step = ProtoField.int16("boxer.step", "Step"),
	spread = ProtoField.uint16("boxer.spread", "Spread"),
	port = ProtoField.uint16("boxer.port", "Port"),
	request = ProtoField.uint32("boxer.request", "Request"),
	count = ProtoField.uint32("boxer.count", "Count"),
	strategy = ProtoField.uint8("boxer.strategy", "Strategy", base.DEC, strategies),
	via_type = ProtoField.uint8("boxer.via.type", "Type of the inner frame", base.DEC, types),
}
boxer.fields = f

local function expertise(name, text, group, severity)
	return ProtoExpert.new("boxer." .. name, text, expert.group[group], expert.severity[severity])
end

local e = {
	cut = expertise("cut", "The body ends within a field", "MALFORMED", "ERROR"),
	left = expertise("left_over", "The body is longer than its fields", "MALFORMED", "ERROR"),
	value = expertise("bad_value", "Not a value of this field", "MALFORMED", "ERROR"),
	type = expertise("unknown_type", "No type of this version", "PROTOCOL", "WARN"),
	number = expertise("unknown_number", "No number of this version", "PROTOCOL", "NOTE"),
	version = expertise("other_version", "Another version of the protocol", "PROTOCOL", "WARN"),
	early = expertise("before_proof", "Said before the sender's PROOF", "SEQUENCE", "WARN"),
	middle = expertise("continuation", "The middle of a frame, or no frame at all",
		"UNDECODED", "NOTE"),
	short = expertise("not_captured", "Not all of it was captured", "UNDECODED", "NOTE"),
}
boxer.experts = { e.cut, e.left, e.value, e.type, e.number, e.version, e.early, e.middle,
	e.short }

-- A cursor over one body: it gives ranges, and nothing any more once it ran out.

local Cursor = {}
Cursor.__index = Cursor

local function cursor(tvb, at, stop, captured, tree)
	return setmetatable({ tvb = tvb, at = at, stop = stop, captured = captured, tree = tree },
		Cursor)
end

function Cursor:take(n)
	if self.failed then
		return nil
	end
	if self.at + n > self.stop then
		self.failed = e.cut
	elseif self.at + n > self.captured then
		self.failed = e.short
	else
		local range = self.tvb(self.at, n)
		self.at = self.at + n
		return range
	end
	return nil
end

function Cursor:number(field, n)
	local range = self:take(n)
	if not range then
		return nil
	end
	return range:uint(), self.tree:add(field, range)
end

-- Kinds of fields: each adds itself to the tree. Return: its value as text for the summary.

local function id_text(id)
	if id == ID_SEED then
		return "seed"
	elseif id == ID_JOINING then
		return "none"
	end
	return tostring(id)
end

local kind = {}

function kind.u8(c, field)
	local v = c:number(field, 1)
	return v and tostring(v)
end

function kind.u16(c, field)
	local v = c:number(field, 2)
	return v and tostring(v)
end

function kind.u32(c, field)
	local v = c:number(field, 4)
	return v and tostring(v)
end

function kind.i16(c, field)
	local range = c:take(2)
	if range then
		c.tree:add(field, range)
		return tostring(range:int())
	end
	return nil
end

function kind.u64(c, field)
	local range = c:take(8)
	if range then
		c.tree:add(field, range)
		return tostring(range:uint64())
	end
	return nil
end

function kind.id(c, field)
	local v, item = c:number(field, 4)
	if not v then
		return nil
	end
	if v >= ID_JOINING then
		item:append_text(" (" .. id_text(v) .. ")")
	end
	return id_text(v)
end

-- A word of which others may come in later versions.
function kind.open_word(c, field, size, words)
	local v, item = c:number(field, size)
	if not v then
		return nil
	end
	if not words[v] then
		item:add_proto_expert_info(e.number)
	end
	return words[v] or tostring(v)
end

-- A word of which there are no others: the C decoders refuse them.
function kind.word(c, field, size, words)
	local v, item = c:number(field, size)
	if not v then
		return nil
	end
	if not words[v] then
		item:add_proto_expert_info(e.value)
	end
	return words[v] or tostring(v)
end

function kind.bytes(c, field, size)
	local range = c:take(size)
	if range then
		c.tree:add(field, range)
	end
	return nil
end

function kind.rest(c, field)
	if c.at < c.stop then
		kind.bytes(c, field, c.stop - c.at)
	end
	return nil
end

function kind.flags(c, field)
	local range = c:take(1)
	if range then
		local tree = c.tree:add(field, range)
		tree:add(f.flag_visit, range)
		tree:add(f.flag_relay, range)
	end
	return nil
end

local function is_name(text)
	return #text <= 63 and text:match("^[%w%-]+$") and not text:match("^%-")
		and not text:match("%-$")
end

function kind.name(c, field, may_be_empty)
	local start, size = c.at, c:take(1)
	local text = size and (size:uint() == 0 and "" or c:take(size:uint()))
	if not text then
		return nil
	end
	if text ~= "" then
		text = text:raw()
	end
	local shown = text:gsub("[^%w%-]", ".")
	local item = c.tree:add(field, c.tvb(start, c.at - start), shown)
	if not is_name(text) and not (may_be_empty and text == "") then
		item:add_proto_expert_info(e.value)
	end
	return shown
end

function kind.role(c, field)
	kind.name(c, field, true)
	return nil
end

local address_sizes = { [0] = 0, [4] = 4, [6] = 16 }

function kind.addr(c, field)
	local start, family = c.at, c:take(1)
	local size = family and address_sizes[family:uint()]
	if not size then
		if family then
			c.tree:add(f.addr_family, family):add_proto_expert_info(e.value)
			c.failed = e.value
		end
		return nil
	end
	local port = size > 0 and c:take(2)
	local host = port and c:take(size)
	if size > 0 and not host then
		return nil
	end
	local text = "none"
	if host then
		text = size == 4 and tostring(host:ipv4()) or "[" .. tostring(host:ipv6()) .. "]"
		text = text .. ":" .. port:uint()
	end
	local tree = c.tree:add(field, c.tvb(start, c.at - start), text)
	tree:add(f.addr_family, family)
	if host then
		tree:add(f.addr_port, port)
		tree:add(size == 4 and f.addr_ipv4 or f.addr_ipv6, host)
	end
	return text
end

function kind.addrs(c, field, max)
	local n, item = c:number(f.observers, 1)
	if not n then
		return nil
	end
	if n > max then
		item:add_proto_expert_info(e.value)
		c.failed = e.value
	end
	for _ = 1, n do
		if c.failed then
			break
		end
		kind.addr(c, field)
	end
	return nil
end

-- What a VIA may carry; that it is no VIA bounds the recursion.
local inner_types = { [49] = true, [50] = true, [51] = true, [52] = true }

local dissect_body -- it and a VIA's inner frame need each other

function kind.inner(c, field)
	if not inner_types[c.inner] then
		return kind.rest(c, field)
	end
	local range = c.tvb(c.at, math.max(0, math.min(c.stop, c.captured) - c.at))
	local tree = c.tree:add(boxer, range, "Inner " .. types[c.inner])
	local text = dissect_body(c.tvb, c.at, c.stop, c.captured, c.inner, tree)
	c.at = c.stop
	return text
end

function kind.via_type(c, field)
	local v, item = c:number(field, 1)
	if not v then
		return nil
	end
	if not inner_types[v] then
		item:add_proto_expert_info(e.value)
	end
	c.inner = v
	return types[v] or tostring(v)
end

-- Bodies: kind, field, what else the kind wants; and what stands before the value in the summary.

local function reason_field(before)
	return { kind.open_word, f.reason, 2, reasons, before = before or "" }
end

local only_reason = { reason_field() }

local bodies = {
	[HELLO] = {
		{ kind.id, f.from, before = "" },
		{ kind.id, f.to, before = "to " },
		{ kind.bytes, f.nonce, 32 },
	},
	[PROOF] = { { kind.bytes, f.proof, 32 } },
	[3] = only_reason,
	[4] = {
		{ kind.bytes, f.token, TOKEN_LEN },
		{ kind.bytes, f.nonce, 16 },
		{ kind.bytes, f.code, CODE_LEN },
	},
	[5] = {
		{ kind.addr, f.seen, before = "" },
		{ kind.bytes, f.code, CODE_LEN },
	},
	[RELAY] = {
		{ kind.bytes, f.token, TOKEN_LEN },
		{ kind.id, f.from, before = "" },
		{ kind.id, f.to, before = "to " },
		{ kind.bytes, f.code, CODE_LEN },
	},
	[RELAYED] = only_reason,
	[16] = {
		{ kind.name, f.name, before = "" },
		{ kind.role, f.role },
		{ kind.addr, f.inside },
		{ kind.bytes, f.token, TOKEN_LEN },
		{ kind.id, f.claim },
		{ kind.flags, f.flags },
	},
	[17] = {
		{ kind.id, f.id, before = "" },
		{ kind.addr, f.overlay },
		{ kind.addr, f.observed, before = "seen as " },
		{ kind.addrs, f.observer, 4 },
		{ kind.flags, f.flags },
	},
	[18] = only_reason,
	[19] = {
		{ kind.u64, f.membership, before = "v" },
		{ kind.id, f.id, before = "" },
		{ kind.name, f.name, before = "" },
		{ kind.role, f.role },
		{ kind.addr, f.overlay },
		{ kind.addr, f.external, before = "" },
		{ kind.addr, f.inside },
		{ kind.word, f.mapping, 1, mappings },
		{ kind.word, f.ports, 1, ports },
		{ kind.word, f.filtering, 1, filterings },
		{ kind.word, f.refusal, 1, refusals },
		{ kind.i16, f.step },
		{ kind.flags, f.flags },
	},
	[20] = {
		{ kind.u64, f.membership, before = "v" },
		{ kind.id, f.id, before = "" },
		reason_field(),
	},
	[21] = only_reason,
	[22] = { { kind.u16, f.port, before = "" } },
	[23] = {
		{ kind.u32, f.request, before = "#" },
		{ kind.u32, f.count, before = "of " },
		{ kind.name, f.name, before = "" },
	},
	[24] = { { kind.u32, f.request, before = "#" }, reason_field() },
	[25] = {
		{ kind.id, f.id, before = "" },
		{ kind.via_type, f.via_type, before = "" },
		{ kind.inner, f.body, before = "" },
	},
	[32] = { { kind.rest, f.body } },
	[33] = { { kind.rest, f.body } },
	[48] = {},
	[49] = {
		{ kind.u32, f.request, before = "#" },
		{ kind.open_word, f.strategy, 1, strategies, before = "" },
		{ kind.u16, f.port, before = "port " },
		{ kind.addr, f.source, before = "from " },
		{ kind.i16, f.step },
		{ kind.u16, f.spread },
		{ kind.bytes, f.token, TOKEN_LEN },
	},
	[50] = {
		{ kind.u32, f.request, before = "#" },
		reason_field(),
		{ kind.addr, f.target, before = "to " },
		{ kind.i16, f.step },
		{ kind.u16, f.spread },
	},
	[51] = { { kind.u32, f.request, before = "#" }, reason_field() },
	[52] = {},
}

-- Return: a summary of the body that lies between @at and @stop, of which less may be captured.
function dissect_body(tvb, at, stop, captured, type, tree)
	local c = cursor(tvb, at, stop, captured, tree)
	local fields = bodies[type]
	local words = {}

	if not fields then
		kind.rest(c, f.body)
		return ""
	end
	for _, field in ipairs(fields) do
		local text = field[1](c, field[2], field[3], field[4])
		if text and field.before then
			words[#words + 1] = field.before .. text
		end
		if c.failed then
			break
		end
	end
	if c.failed and c.failed ~= e.value then
		tree:add_proto_expert_info(c.failed)
	elseif not c.failed and c.at < c.stop then
		tree:add_proto_expert_info(e.left)
		kind.rest(c, f.body)
	end
	return table.concat(words, " ")
end

-- What is remembered of each direction of each connection.

local connections = {}

function boxer.init()
	connections = {}
end

local tcp_stream = Field.new("tcp.stream")

local function direction(pinfo)
	local stream = tcp_stream()
	local key = string.format("%s/%s/%s", stream and tostring(stream.value) or "?",
		tostring(pinfo.src), tostring(pinfo.src_port))
	if not connections[key] then
		connections[key] = {}
	end
	return connections[key]
end

local function note(d, what, pinfo)
	if not d[what] or pinfo.number < d[what] then
		d[what] = pinfo.number
	end
end

local function has(d, what, pinfo)
	return d[what] and d[what] <= pinfo.number
end

local function is_sealed(d, pinfo, type)
	if type == HELLO or type == PROOF then
		return false
	end
	return type >= FIRST_SEALED or has(d, "proof", pinfo)
end

-- Headers

-- Return: is it one, as far as @n bytes at @at tell; nil when they are too few to tell.
local function looks_like_header(tvb, at, n)
	if n < 4 then
		return nil
	end
	if tvb(at, 2):uint() ~= MAGIC then
		return false
	end
	local version, type = tvb(at + 2, 1):uint(), tvb(at + 3, 1):uint()
	if n < HEADER_LEN then
		return version == VERSION and types[type] ~= nil
	end
	local length = tvb(at + 4, 4):uint()
	if version ~= VERSION then
		return type == HELLO and length <= BODY_MAX -- a stranger's
	end
	return length <= BODY_MAX and (types[type] ~= nil or type >= FIRST_SEALED)
end

-- Where the next frame may begin, after @at; the end of what there is if nowhere.
local function next_header(tvb, at, stop)
	for i = at + 1, stop - 4 do
		if tvb(i, 2):uint() == MAGIC and looks_like_header(tvb, i, stop - i) then
			return i
		end
	end
	return stop
end

-- A packet may hold several frames, and may be given to us in several pieces.
local function add_info(pinfo, text)
	if pinfo.private["boxer"] == tostring(pinfo.number) then
		pinfo.cols.info:append(", " .. text)
	else
		pinfo.private["boxer"] = tostring(pinfo.number)
		pinfo.cols.info:set(text)
	end
	pinfo.cols.info:fence()
end

local function add_data(tvb, at, stop, pinfo, tree, name, info)
	local sub = tree:add(boxer, tvb(at, stop - at), "Boxer: " .. name)
	sub:add(f.data, tvb(at, stop - at))
	if info then
		sub:add_proto_expert_info(info)
	end
	add_info(pinfo, name:lower())
end

-- Frames

local function add_header(tvb, at, sub)
	sub:add(f.magic, tvb(at, 2))
	local version = sub:add(f.version, tvb(at + 2, 1))
	local type = sub:add(f.type, tvb(at + 3, 1))
	sub:add(f.length, tvb(at + 4, 4))
	if tvb(at + 2, 1):uint() ~= VERSION then
		version:add_proto_expert_info(e.version)
	elseif not types[tvb(at + 3, 1):uint()] then
		type:add_proto_expert_info(e.type)
	end
end

local function add_code(tvb, at, captured, sub)
	if at + CODE_LEN <= captured then
		sub:add(f.mac, tvb(at, CODE_LEN))
	else
		sub:add_proto_expert_info(e.short)
	end
end

-- Add the frame at @at, @whole bytes with its code, of which @captured bounds what is there.
local function add_frame(tvb, at, whole, captured, pinfo, tree, d)
	local version, type = tvb(at + 2, 1):uint(), tvb(at + 3, 1):uint()
	local body_end = at + HEADER_LEN + tvb(at + 4, 4):uint()
	local name = types[type] or "type " .. type
	local sub = tree:add(boxer, tvb(at, math.min(whole, captured - at)), "Boxer " .. name)
	local text = ""

	add_header(tvb, at, sub)
	if version == VERSION then
		text = dissect_body(tvb, at + HEADER_LEN, body_end, captured, type, sub)
		if is_sealed(d, pinfo, type) then
			add_code(tvb, body_end, captured, sub)
			if d.hello and not has(d, "proof", pinfo) then
				sub:add_proto_expert_info(e.early)
			end
		end
	end
	if #text > 0 then
		sub:append_text(", " .. text)
		name = name .. " " .. text
	end
	add_info(pinfo, name)
end

local function remember(d, pinfo, type)
	if type == HELLO then
		note(d, "hello", pinfo)
	elseif type == PROOF then
		note(d, "proof", pinfo)
	elseif type == RELAY or type == RELAYED then
		note(d, "relay", pinfo)
	end
end

local function want_more(pinfo, at, n)
	pinfo.desegment_offset = at
	pinfo.desegment_len = n
end

-- Return: where to go on; nil when more of the connection is needed first.
local function dissect_at(tvb, at, stop, pinfo, tree, d)
	local left = stop - at
	local is_header = looks_like_header(tvb, at, left)
	local may_wait = pinfo.can_desegment > 0 and tvb:len() == tvb:reported_len()

	-- Behind RELAY and RELAYED there are no frames any more.
	if d.relay and (d.relay < pinfo.number or not is_header) and d.relay <= pinfo.number then
		add_data(tvb, at, stop, pinfo, tree, "Relayed data")
		return stop
	end
	if is_header == false then
		local next_at = next_header(tvb, at, stop)
		add_data(tvb, at, next_at, pinfo, tree, "Continuation", e.middle)
		return next_at
	end
	if left < HEADER_LEN then
		if may_wait then
			want_more(pinfo, at, HEADER_LEN - left)
			return nil
		end
		add_data(tvb, at, stop, pinfo, tree, "Continuation", e.short)
		return stop
	end
	local type = tvb(at + 3, 1):uint()
	local whole = HEADER_LEN + tvb(at + 4, 4):uint()
	if is_sealed(d, pinfo, type) then
		whole = whole + CODE_LEN
	end
	if whole > left and may_wait then
		want_more(pinfo, at, whole - left)
		return nil
	end
	add_frame(tvb, at, whole, stop, pinfo, tree, d)
	remember(d, pinfo, type)
	return math.min(at + whole, stop)
end

local function dissect(tvb, pinfo, tree)
	local d = direction(pinfo)
	local at, stop = 0, tvb:len()

	pinfo.cols.protocol:set("Boxer")
	while at < stop do
		at = dissect_at(tvb, at, stop, pinfo, tree, d)
		if not at then
			break
		end
	end
	return tvb:len()
end

boxer.dissector = dissect

-- By way of boxer.dissector it could not ask for more of the connection.
local function heuristic(tvb, pinfo, tree)
	if not looks_like_header(tvb, 0, tvb:len()) then
		return false
	end
	pinfo.conversation = boxer
	dissect(tvb, pinfo, tree)
	return true
end

boxer:register_heuristic("tcp", heuristic)
