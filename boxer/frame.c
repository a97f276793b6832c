/* SPDX-License-Identifier: MIT */
#include "boxer/frame.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void frame_put_bytes(struct frame_writer *w, const void *bytes, size_t n)
{
	if (w->failed || (size_t)(w->end - w->at) < n) {
		w->failed = true;
		return;
	}
	(void)memcpy(w->at, bytes, n);
	w->at += n;
}

void frame_put_u8(struct frame_writer *w, uint8_t v)
{
	frame_put_bytes(w, &v, 1);
}

void frame_put_u16(struct frame_writer *w, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	frame_put_bytes(w, b, sizeof(b));
}

void frame_put_u32(struct frame_writer *w, uint32_t v)
{
	frame_put_u16(w, (uint16_t)(v >> 16));
	frame_put_u16(w, (uint16_t)v);
}

void frame_put_u64(struct frame_writer *w, uint64_t v)
{
	frame_put_u32(w, (uint32_t)(v >> 32));
	frame_put_u32(w, (uint32_t)v);
}

void frame_put_addr(struct frame_writer *w, const struct addr *a)
{
	switch (a->family) {
	case AF_INET:
		frame_put_u8(w, 4);
		frame_put_u16(w, a->port);
		frame_put_bytes(w, a->bytes, 4);
		break;
	case AF_INET6:
		frame_put_u8(w, 6);
		frame_put_u16(w, a->port);
		frame_put_bytes(w, a->bytes, 16);
		break;
	default:
		frame_put_u8(w, 0);
	}
}

void frame_put_name(struct frame_writer *w, const char *name)
{
	size_t len = strlen(name);

	if (len > FRAME_NAME_MAX) {
		w->failed = true;
		return;
	}
	frame_put_u8(w, (uint8_t)len);
	frame_put_bytes(w, name, len);
}

void frame_get_bytes(struct frame_reader *r, void *ret, size_t n)
{
	if (r->failed || (size_t)(r->end - r->at) < n) {
		r->failed = true;
		(void)memset(ret, 0, n);
		return;
	}
	(void)memcpy(ret, r->at, n);
	r->at += n;
}

uint8_t frame_get_u8(struct frame_reader *r)
{
	uint8_t v;

	frame_get_bytes(r, &v, 1);
	return v;
}

uint16_t frame_get_u16(struct frame_reader *r)
{
	uint8_t b[2];

	frame_get_bytes(r, b, sizeof(b));
	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t frame_get_u32(struct frame_reader *r)
{
	uint32_t high = frame_get_u16(r);

	return high << 16 | frame_get_u16(r);
}

uint64_t frame_get_u64(struct frame_reader *r)
{
	uint64_t high = frame_get_u32(r);

	return high << 32 | frame_get_u32(r);
}

void frame_get_addr(struct frame_reader *r, struct addr *ret)
{
	struct addr a = {0};

	switch (frame_get_u8(r)) {
	case 0:
		break;
	case 4:
		a.family = AF_INET;
		a.port = frame_get_u16(r);
		frame_get_bytes(r, a.bytes, 4);
		break;
	case 6:
		a.family = AF_INET6;
		a.port = frame_get_u16(r);
		frame_get_bytes(r, a.bytes, 16);
		break;
	default:
		r->failed = true;
	}
	if (r->failed)
		(void)memset(&a, 0, sizeof(a));
	*ret = a;
}

bool frame_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > FRAME_NAME_MAX || name[0] == '-' || name[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum((unsigned char)name[i]) && name[i] != '-'))
			return false;
	return true;
}

void frame_get_name(struct frame_reader *r, char ret[static FRAME_NAME_MAX + 1])
{
	uint8_t len = frame_get_u8(r);

	(void)memset(ret, 0, FRAME_NAME_MAX + 1);
	if (len > FRAME_NAME_MAX) {
		r->failed = true;
		return;
	}
	frame_get_bytes(r, ret, len);
	if (strlen(ret) != len || !frame_name_valid(ret))
		r->failed = true;
}

void frame_put_header(uint8_t out[static FRAME_HEADER_LEN], uint8_t type, uint32_t length)
{
	struct frame_writer w = {.at = out, .end = out + FRAME_HEADER_LEN};

	frame_put_u16(&w, FRAME_MAGIC);
	frame_put_u8(&w, FRAME_VERSION);
	frame_put_u8(&w, type);
	frame_put_u32(&w, length);
}

int frame_get_header(const uint8_t in[static FRAME_HEADER_LEN], struct frame_header *ret)
{
	struct frame_reader r = {.at = in, .end = in + FRAME_HEADER_LEN};
	struct frame_header h;

	if (frame_get_u16(&r) != FRAME_MAGIC)
		return -EPROTO;
	h.version = frame_get_u8(&r);
	h.type = frame_get_u8(&r);
	h.length = frame_get_u32(&r);
	if (h.version != FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if (h.length > FRAME_BODY_MAX)
		return -EPROTO;
	*ret = h;
	return 0;
}
