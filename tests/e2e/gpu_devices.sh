#!/usr/bin/env bash
# `run` gives a guest only devices that the host has bound to vfio-pci, and says what to do when there is none. The devices are those
# of a made-up /sys/bus/pci, so QEMU itself has the last word.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_hello
[ -d /sys/bus/pci ] || skip "this machine has no PCI bus"
device() { # ADDRESS CLASS DRIVER GROUP
  local at=pci/devices/$1 group=$WORK/groups/$4
  mkdir -p "$at" "pci/drivers/$3" "$group/devices"
  echo "$2" >"$at/class"
  ln -s "../../drivers/$3" "$at/driver"
  ln -s "$group" "$at/iommu_group"
  ln -s "$WORK/$at" "$group/devices/$1"
}
printf 'apiVersion: blueprint/v1\nname: hello-gpu\nfrom: hello\nlaunch: {gpu: 1}\n' >recipe.yaml
ok blueprint build recipe.yaml
# shellcheck disable=SC2016  # WORK is for the inner shell
with_devices() { unshare --mount bash -c 'mount --bind "$WORK/pci" /sys/bus/pci && exec "$@"' - "$BLUEPRINT_BIN/blueprint" run hello-gpu "$@" -- true; }

device 0000:65:00.0 0x030200 nvidia 30
exits 6 with_devices
err_has "the sandbox is to get 1 GPU, and none on this machine is bound to vfio-pci [V014]"
err_has "echo vfio-pci >/sys/bus/pci/devices/0000:65:00.0/driver_override"
exits 6 with_devices --gpu 0000:65:00.0
err_has "the PCI device 0000:65:00.0 is bound to 'nvidia', not to vfio-pci [V014]"
exits 2 with_devices --gpu 65:00.0
err_has "[U021]"

device 0000:b3:00.0 0x030000 vfio-pci 40
device 0000:b3:00.1 0x040300 snd_hda_intel 40
exits 6 with_devices
err_has "shares IOMMU group 40 with 0000:b3:00.1, which the host uses with the driver 'snd_hda_intel' [V015]"
ln -sfn ../../drivers/vfio-pci pci/devices/0000:b3:00.1/driver
exits 6 with_devices
err_has "'/dev/vfio/40' cannot be opened: No such file or directory [V016]"

# With the nodes there, QEMU is started with the device, and it is QEMU that finds the group to be no group.
mkdir upper work
# shellcheck disable=SC2016
with_nodes() {
  unshare --mount bash -c 'mount --bind "$WORK/pci" /sys/bus/pci && mount -t overlay overlay -o "lowerdir=/dev,upperdir=$WORK/upper,workdir=$WORK/work" /dev &&
    mkdir -p /dev/vfio && touch /dev/vfio/vfio /dev/vfio/40 && chmod 666 /dev/vfio/* && exec "$@"' - "$BLUEPRINT_BIN/blueprint" run hello-gpu "$@" -- true
}
exits 6 with_nodes
if prlimit --memlock=8589934592:8589934592 true 2>/dev/null; then
  err_has "qemu ended before the guest was up"
  err_has "vfio 0000:b3:00.0"
else
  err_has "of locked memory, and this user may lock"
fi
nothing_is_left
