/** A stand-in for the account of an ordinary user, made with what any account may do: it works for root and for everybody else. */

const asUser = `
mount -t tmpfs -o ro,mode=555 none /sys/fs/cgroup || exit 99
while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done
shift
exec unshare --user --map-user=1000 --map-group=1000 -- "$@"
`;

/**
 * Command line that runs another one under uid 1000 without a capability, where no control group can be made and the files named
 * by absolute path cannot be executed. It stays one process, so signals and descriptors reach what runs.
 */
export const ordinaryUser = (command: readonly string[], hidden: readonly string[] = []): readonly string[] => [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  asUser,
  'sh',
  ...hidden,
  '--',
  ...command,
];
