#!/bin/sh
# Makes what the VM tests boot, once, in the directory $1: a kernel with its modules, a root filesystem without an init (busybox)
# and one with systemd. Everything comes from the host's own Debian mirror through apt and mmdebstrap.
set -eu
out=$1
if [ -e "$out/complete-2" ]; then exit 0; fi
rm -rf "$out"
mkdir -p "$out/debs" "$out/kernel" "$out/busybox"
cd "$out/debs"
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
# apt's own sandbox user may not write to a build directory; root fetches instead.
apt-get -q -o APT::Sandbox::User=root download "$kernel" busybox-static
dpkg-deb -x linux-image-*.deb "$out/kernel"
dpkg-deb -x busybox-static*.deb "$out/busybox-deb"

# A machine with nothing but busybox: no init, no library, no /etc/resolv.conf.
root=$out/busybox
for directory in bin dev etc home/dev proc root run sys tmp usr var; do mkdir -p "$root/$directory"; done
cp "$out/busybox-deb/bin/busybox" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  case $applet in busybox | init) ;; *) ln -s busybox "$root/bin/$applet" ;; esac
done
printf 'root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000::/home/dev:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\ndev:x:1000:\naudio:x:29:dev\n' > "$root/etc/group"
chown 1000:1000 "$root/home/dev"
mke2fs -q -t ext4 -O metadata_csum,64bit -d "$root" "$out/busybox.img" 128M

mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,udev "$(. /etc/os-release; echo "$VERSION_CODENAME")" \
  "$out/systemd.tar"
mkdir "$out/systemd"
tar -C "$out/systemd" -xf "$out/systemd.tar"
: > "$out/systemd/etc/machine-id"
mke2fs -q -t ext4 -O metadata_csum,64bit -d "$out/systemd" "$out/systemd.img" 1G
rm -rf "$out/systemd.tar" "$out/systemd" "$out/busybox-deb" "$out/debs"
touch "$out/complete-2"
