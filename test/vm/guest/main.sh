# The first process behind init.sh: runs the command with its output on the first two ports, writes its exit status to
# the last one and turns the machine off. The third is the command's own, for reports.
cd /run/guest || exit
set -- /dev/vport*p1
port=${1%1}
./busybox mkfifo output errors
./busybox cat <output >"${port}1" & copies=$!
./busybox cat <errors >"${port}2" & copies="$copies $!"
REPORT_PORT=${port}3 ./busybox sh ./command </dev/null >output 2>errors &
wait $!
status=$?

# What was left behind may still hold the output open: it is given two seconds to be read to its end.
left=40
while [ $left -gt 0 ] && kill -0 $copies 2>/dev/null; do
  ./busybox usleep 50000
  left=$((left - 1))
done
echo $status >"${port}4"
./busybox poweroff -f
while :; do :; done
