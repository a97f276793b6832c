#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# TCP hole punching: both sides connect from the port that the rendezvous saw, and listen on it.
import errno, json, os, select, socket, sys, time

role, deadline = os.environ["BOXLAB_ROLE"], int(os.environ["BOXLAB_DEADLINE_MS"]) / 1000
host, port = os.environ["BOXLAB_RENDEZVOUS"].split(":")

def bound():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("", int(os.environ["BOXLAB_PORT"])))
    return s

listener, meeting, dial, link = bound(), bound(), None, None
listener.listen()
meeting.connect((host, int(port)))
meeting.sendall(f"{role}\n".encode())
_, me, peer, nonce = meeting.makefile().readline().split()
end = time.monotonic() + deadline
while not link and time.monotonic() < end:
    if not dial:
        dial = bound()
        dial.setblocking(False)
        if dial.connect_ex((peer.split(":")[0], int(peer.split(":")[1]))) != errno.EINPROGRESS:
            dial = None  # the listener has it already
    came, went, _ = select.select([listener], [dial] if dial else [], [], 0.02)
    if came:
        link = listener.accept()[0]
    elif went and dial.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
        link = dial
    elif went:
        dial = time.sleep(0.02)  # refused: again, a little later
if not link:
    sys.exit("no connection")
link.settimeout(deadline)
block = (nonce * 512)[:8192].encode()
link.sendall(block)
if link.makefile("rb").read(len(block)) != block:
    sys.exit("that was somebody else")
print(json.dumps({"result": "direct", "sent": len(block), "received": len(block)}))
