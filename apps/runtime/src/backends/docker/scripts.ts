/** The two small shell programs of a start in Docker. They hold no agent input: what varies comes as arguments. */

/** Folder of what the runtime shows a container of itself, inside it. */
export const controlPath = '/run/sallyport';

/**
 * Inside, as the first process: waits for the runtime's word, then runs the program with exactly the environment it was given and
 * its output into the log pipe, and reaps what is orphaned. Arguments: those of `env`.
 *
 * The shell says nothing of its own: what it would say of a killed program goes nowhere.
 */
export const initScript = `
exec 4>${controlPath}/log >/dev/null 2>&1
read -r go < ${controlPath}/gate && [ "$go" = go ] || exit 96
mkdir -p -m 700 /tmp/home
/usr/bin/env -i "$@" </dev/null >&4 2>&4 4>&-
exit $?
`;

/**
 * Outside, in the workload's folder: makes the pipes and keeps them open, so that a sandbox outlives the runtime that reads
 * them; hears which container it is for before that starts; opens the gate once the runtime has noted the first process; and
 * kills every process of the container at the deadline, with nobody's help. Arguments: deadline in seconds.
 *
 * A container's control groups are named for its id, so what is killed is surely its own. \`ended\` says that the deadline was
 * the cause.
 */
export const keeperScript = `
mkfifo -m 622 control/log && mkfifo -m 644 control/gate || exit 98
exec 9<>control/log 8<>control/gate
echo ready
read -r container || exit 0
read -r pid && echo go >&8
if [ -n "$pid" ]; then timeout --foreground "$1" tail --pid="$pid" -s 2 -f /dev/null; else sleep "$1"; (exit 124); fi
[ $? = 124 ] || exit 0
echo 124 > ended
while :; do
  groups=$(find /sys/fs/cgroup -type d '(' -name "$container" -o -name "docker-$container.scope" ')')
  pids=$(for group in $groups; do cat "$group/cgroup.procs"; done | sort -u)
  [ -n "$pids" ] || exit 0
  kill -KILL $pids
  sleep 0.2
done
`;

/**
 * Outside, in the network namespace of a container: with these routes every address is local to it, so the supervisor's
 * listeners accept any connect. Engines switch IPv6 off where they give no address of it; a kernel without it has none to reach.
 */
export const routesScript = `
for setting in all default lo; do
  file=/proc/sys/net/ipv6/conf/$setting/disable_ipv6
  [ ! -e "$file" ] || echo 0 > "$file" || exit 1
done
ip link set lo up && ip route add local default dev lo || exit 1
[ ! -e /proc/sys/net/ipv6/conf/lo ] || ip route add local ::/0 dev lo
`;
