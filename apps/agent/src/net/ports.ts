/**
 * TCP ports on which the supervisor answers for the whole internet: those that programs dial on other machines.
 *
 * A listener takes its port from the agent's own processes, so the ports that people serve on while they develop (3000, 5173, 8000,
 * 8080, 5432, 6379, ...) are left free: a connection to such a port of another machine is refused by the kernel at once, and
 * `npm run dev` works.
 */
export const answeredPorts: readonly number[] = [
  21, // ftp
  22, // ssh, git over ssh
  23, // telnet
  25, // smtp
  43, // whois
  70, // gopher
  79, // finger
  80, // http
  88, // kerberos
  110, // pop3
  111, // rpcbind
  119, // nntp
  135, // rpc endpoint mapper
  139, // netbios
  143, // imap
  179, // bgp
  194, // irc
  389, // ldap
  443, // https
  445, // smb
  465, // smtps
  514, // syslog
  515, // lpd
  554, // rtsp
  563, // nntps
  587, // submission
  631, // ipp
  636, // ldaps
  853, // dns over tls
  873, // rsync
  989, // ftps data
  990, // ftps
  992, // telnets
  993, // imaps
  995, // pop3s
  1080, // socks
  1433, // ms sql server
  1521, // oracle
  1723, // pptp
  2049, // nfs
  2375, // docker
  2376, // docker over tls
  3128, // http proxy
  3389, // rdp
  4222, // nats
  5222, // xmpp
  5671, // amqps
  5900, // vnc
  6443, // kubernetes api
  6667, // irc
  6697, // ircs
  8443, // https, alternative
  9418, // git
  10250, // kubelet
  11211, // memcached
];

/** TCP port that is shared between the sandbox's own resolver and the rest of the world. */
export const dnsPort = 53;
