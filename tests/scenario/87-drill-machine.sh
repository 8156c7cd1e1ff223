#!/bin/bash
# faults: A21 G8 G10
# limit 400
# first
# A system of two small machines as machines: each boots a real kernel in QEMU (software emulation) at its old address, the one with
# the data first, and the page of the other shows it. A guest reaches nothing outside. Red, and naming the cause: without the data's
# machine; without a kernel; with a request for more memory than there is. Nothing is left, also after kill -9.
# The kernel is this machine's own, or the one that scripts/drill-tenants has fetched.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -x /usr/bin/qemu-system-x86_64 ] || not_run "qemu-system-x86 is not installed"
[ -x /usr/sbin/mke2fs ] || not_run "e2fsprogs is not installed"
busybox=/usr/bin/busybox
[ -x $busybox ] || busybox=/bin/busybox
$busybox httpd --help 2>&1 | grep -q 'Listen for' && ! ldd $busybox >/dev/null 2>&1 || not_run "busybox-static is not installed"
base=
for root in "${ZAIBEI_DRILL_CACHE:-$B/drill}/base" ''; do
    for kernel in "$root"/boot/vmlinuz-*; do
        version=${kernel##*/vmlinuz-}
        [ -z "$base" ] && [ -r "$kernel" ] && [ -r "$root/lib/modules/$version/modules.dep" ] && base=$root/ && break
    done
done
[ -n "$base" ] || not_run "no kernel: neither in /boot nor fetched by scripts/drill-tenants"
version=$(ls "$base"boot/vmlinuz-* | sort -V | tail -n 1)
version=${version##*/vmlinuz-}
. "$ZAIBEI_ROOT/tests/scenario/drill_lib.sh"

# A machine whose init is a shell script: its network, one program.
machine() { # NAME ADDRESS PROGRAM...
    local t=$place/$1 module
    tree_of "$t" /usr/bin/env # and so a loader and a C library, for the agent that backs it up
    mkdir -p "$t"/{bin,boot,etc,mnt,proc,sbin,srv,tmp,"lib/modules/$version"}
    cp $busybox "$t/bin/busybox"
    ln -s busybox "$t/bin/sh"
    cp "$base"boot/vmlinuz-"$version" "$t/boot/"
    cp "$base"lib/modules/"$version"/modules.dep "$t/lib/modules/$version/"
    for module in virtio_pci virtio_blk virtio_net virtio-rng ext4 crc32c_generic; do
        grep "/$module\.ko[.a-z]*:" "$t/lib/modules/$version/modules.dep" | tr -d : | tr ' ' '\n'
    done | sort -u | while read -r module; do
        [ -z "$module" ] || install -D "$base"lib/modules/"$version/$module" "$t/lib/modules/$version/$module"
    done
    printf 'UUID=5b1c0e2e-3f0c-4f5e-9d0e-6f1f2c1d7a01 / ext4 errors=remount-ro 0 1\nUUID=7A1B-22C3 /boot/efi vfat umask=0077 0 1\n' \
        >"$t/etc/fstab"
    cat >"$t/sbin/init" <<END
#!/bin/sh
/bin/busybox --install -s /bin
ip link set lo up
ip addr add $2 dev ens192 && ip link set ens192 up && ip route add default via 10.20.0.1
[ ! -s /etc/fstab ] || grep -q '^#' /etc/fstab || poweroff -f
$3
while :; do sleep 1000; done
END
    chmod 755 "$t/sbin/init"
}

step "two machines, kernel $version"
machine data 10.20.0.10/24 'nc -ll -p 5432 -e cat /srv/orders &'
seq 5000 | awk '{ s += $1 } END { print "orders 5000 sum", s }' >"$place/data/srv/orders"
machine web 10.20.0.20/24 'httpd -p 80 -h /srv'
mkdir -p "$place/web/srv/cgi-bin"
echo Welcome >"$place/web/srv/index.html"
printf '#!/bin/sh\nprintf "Content-type: text/plain\\r\\n\\r\\n"\nnc -w 3 10.20.0.10 5432 </dev/null || echo no data\n' \
    >"$place/web/srv/cgi-bin/api"
chmod 755 "$place/web/srv/cgi-bin/api"
machine_keep data
machine_keep web
data="{host: \"data\", host_id: \"$(host_id data)\", point: 1, address: \"10.20.0.10/24\", nic: \"ens192\", memory: \"128 MiB\"}"
web="{host: \"web\", host_id: \"$(host_id web)\", point: 1, address: \"10.20.0.20/24\", nic: \"ens192\", mac: \"52:54:00:20:00:20\",
    after: [\"data\"], memory: \"128 MiB\"}"
query='{name: "query", host: "data", run: "nc -w 3 10.20.0.10 5432 </dev/null", expect: "sum 12502500", within: "150s"}'
front='{name: "front", host: "web", http: "http://10.20.0.20/", expect: "Welcome", within: "150s"}'
api='{name: "api", host: "web", http: "http://10.20.0.20/cgi-bin/api", expect: "orders 5000 sum 12502500", within: "15s"}'
common='.gateway = "10.20.0.1/24" | .accel = "tcg" | .limits.time_s = 350'

step "the whole system: web named first, started second"
order whole 4 "$common | .hosts = [$web, $data] | .checks = [$query, $front, $api]"
drill whole || { cat "$ZAIBEI_TMP/journal.whole" "$ZAIBEI_TMP/log.whole"; fail "exit $?"; }
verdict whole green
[ "$(journal whole 'last | .egress')" = closed ] || fail "the way out is not closed"
[ "$(journal whole 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = "query front api" ] || fail "checks"
[ "$(journal whole 'map(select(.phase == "egress" and .state == "ok") | .host) | unique | join(" ")')" = " data web" ] || fail "egress"
for what in "old name again: eth0 ens192" "/etc/fstab emptied" "$version"; do
    [ "$(journal whole "map(select(.event == \"adapted\" and (.what | contains(\"$what\")))) | length")" = 2 ] || fail "adapted: $what"
done
journal whole '.[] | select(.phase and .seconds) | "   \(.host) \(.phase) \(.name) \(.state) \(.seconds) s"'

step "the machine with the data is not there: the front page still answers"
order left 4 "$common | .hosts = [$web] | .checks = [$front, $api]"
drill left && fail "green without the data"
red left check "web api" "no data"
[ "$(journal left 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = front ] || fail "the front page"

step "more memory than the drill has; a machine without a kernel, and the one after it"
order memory 4 "$common | .hosts = [$web] | .limits.memory = \"64 MiB\" | .hosts[0].memory = \"4 GiB\""
drill memory && fail "green without memory"
red memory image web "64.0 MiB"
rm "$place/data/boot/"*
machine_again data
order kernel 4 "$common | .hosts = [$web, $data] | .hosts[1].point = 2 | .checks = [$query, $front]"
drill kernel && fail "green without a kernel"
red kernel image data "no kernel /boot/vmlinuz"
[ "$(journal kernel 'map(select(.host == "web" and .phase == "start") | .detail // "") | join("")')" = \
    "data, which must be up before it, is not" ] || fail "web was not waiting"

step "kill -9 while a machine runs"
order killed 4 "$common | .hosts = [$web] | .checks = [$front]"
drill killed --kill outer --at check && fail "killed and green"
clean
left_nothing killed
