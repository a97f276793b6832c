# SPDX-License-Identifier: MIT
# The network of "scripts/bench topo" by Mininet: functions behind NATs of their
# own, and a router between the NATs. Addresses, routes and one rule for each NAT;
# none of the neighbours and sysctls, so it has less to do.
import json
import sys
import time

from mininet.net import Mininet


def build(functions):
    net = Mininet(controller=None)
    internet = net.addHost("internet", ip=None)
    internet.cmd("sysctl -qw net.ipv4.ip_forward=1")
    for i in range(functions):
        a, b = divmod(i, 250)
        inside, outside = f"10.{a}.{b}", f"172.{16 + a}.{b}"
        nat = net.addHost(f"nat{i}", ip=None)
        fn = net.addHost(f"fn{i}", ip=None)
        net.addLink(fn, nat, intfName1="eth0", intfName2="lan0",
                    params1={"ip": f"{inside}.2/24"}, params2={"ip": f"{inside}.1/24"})
        net.addLink(nat, internet, intfName1="wan", intfName2=f"to{i}",
                    params1={"ip": f"{outside}.2/24"}, params2={"ip": f"{outside}.1/24"})
    net.start()
    for i in range(functions):
        a, b = divmod(i, 250)
        fn, nat = net.get(f"fn{i}"), net.get(f"nat{i}")
        fn.cmd(f"ip route add default via 10.{a}.{b}.1")
        nat.cmd("sysctl -qw net.ipv4.ip_forward=1; "
                f"ip route add default via 172.{16 + a}.{b}.1; "
                "nft 'table ip nat { chain out { type nat hook postrouting priority 100; "
                "oifname \"wan\" masquerade; }; }'")
    return net


def main():
    functions = int(sys.argv[1])
    begun = time.monotonic()
    net = build(functions)
    built = time.monotonic() - begun
    begun = time.monotonic()
    net.stop()
    json.dump({"way": "mininet", "functions": functions, "namespaces": 2 * functions + 1,
               "build_s": round(built, 4), "gone_s": round(time.monotonic() - begun, 4)},
              sys.stdout)
    print()


main()
