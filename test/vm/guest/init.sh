#!/bin/busybox sh
# The first process of the guest: loads the kernel's modules, lays a scratch layer over the host's root, which comes
# read-only over 9p, and goes there. Only busybox until then: without KVM each start of a dynamically linked
# program costs a tenth of a second.
/bin/busybox --install -s /bin
export PATH=/bin
. /settings

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module"; done

mount_9p() { # TAG FOLDER OPTIONS
  mkdir -p "$2"
  mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" || exit 1
}

# Nothing changes the host's files while they are in use here, so they may be cached without asking again.
mount_9p hostroot /lower ro,cache=loose
mount -t tmpfs -o size=75% tmpfs /scratch
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work overlay /root
for folder in dev proc sys; do mount --move /$folder /root/$folder; done

cd /root
mount -t tmpfs tmpfs run
mkdir -p dev/shm dev/pts lib/modules run/lock/lvm run/guest etc/lvm
mount -t tmpfs tmpfs dev/shm
mount -t devpts devpts dev/pts
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ifconfig lo 127.0.0.1 up
hostname lvstream-test

# For what LVM loads itself.
mount_9p modules lib/modules ro,cache=loose
[ -z "$shared" ] || mount_9p shared ".$shared" rw
mkdir -p ".$project"
(cd ".$project" && cpio -i -d -u) </project.cpio

# There is no udev: LVM finds the devices and makes the nodes itself.
cat >etc/lvm/lvm.conf <<'CONFIGURATION'
devices { obtain_device_list_from_udev=0 external_device_info_source="none"
          use_devicesfile=0 multipath_component_detection=0 md_component_detection=0 }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
backup { backup=0 archive=0 }
global { use_lvmpolld=0 }
CONFIGURATION

cp /bin/busybox /main.sh /command run/guest/
exec switch_root /root /run/guest/busybox sh /run/guest/main.sh
