/*
 * The floor: what the kernel itself takes to build the practical, with no tool in the way.
 *
 *     pc1, pc2 -- lan1 -- r1 -- lan2 (pc3) -- r2 -- lan3 -- pc4
 *
 * Builds N copies with raw netlink, one send a namespace; pings all pairs of PCs until every one
 * has answered; deletes it all; prints one line of JSON, in milliseconds. A copy is seven named
 * namespaces: its six nodes, each with its own /etc/hosts and /etc/resolv.conf where `ip netns exec`
 * looks for them, and one for its three bridges.
 *
 *     cc -O2 -o floor floor.c && ./floor N
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { R1, R2, PC1, PC2, PC3, PC4, NODES, SWITCHES = NODES, SPACES };
enum { LANS = 3, PCS = NODES - PC1, GIVE_UP_MS = 30000, FIRST_WAIT_MS = 1, LONGEST_WAIT_MS = 20 };

#define FILES "/run/floor"

static const char *const SPACE[SPACES] = {"r1", "r2", "pc1", "pc2", "pc3", "pc4", "switches"};
static const char *const PC_ADDRESS[PCS] = {"10.0.1.11", "10.0.1.20", "10.0.2.13", "10.0.3.14"};

static const struct nic {
    int node, lan, number;
    const char *address;
} NICS[] = {
    {R1, 1, 0, "10.0.1.1"},   {R1, 2, 1, "10.0.2.1"},   {R2, 2, 0, "10.0.2.2"},
    {R2, 3, 1, "10.0.3.2"},   {PC1, 1, 0, "10.0.1.11"}, {PC2, 1, 0, "10.0.1.20"},
    {PC3, 2, 0, "10.0.2.13"}, {PC4, 3, 0, "10.0.3.14"},
};

static const char HOSTS[] =
    "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
    "10.0.1.1\tr1\n10.0.2.1\tr1-eth1\n10.0.2.2\tr2\n10.0.3.2\tr2-eth1\n"
    "10.0.1.11\tpc1\n10.0.1.20\tpc2\n10.0.2.13\tpc3\n10.0.3.14\tpc4\n";
static const char RESOLVER[] = "# This lab has no name server; /etc/hosts knows its nodes.\n";

static const struct {
    int node, length;
    const char *to, *via;
} ROUTES[] = {
    {R1, 24, "10.0.3.0", "10.0.2.2"}, {R2, 24, "10.0.1.0", "10.0.2.1"},
    {PC1, 0, "0.0.0.0", "10.0.1.1"},  {PC2, 0, "0.0.0.0", "10.0.1.1"},
    {PC3, 0, "0.0.0.0", "10.0.2.1"},  {PC4, 0, "0.0.0.0", "10.0.3.2"},
};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* Numbers of links are ours to choose. */
static int bridge_index(int lan) { return 100 + lan; }
static int port_index(int nic) { return 200 + nic; }
static int nic_index(const struct nic *nic) { return 2 + nic->number; }

struct copy {
    int space[SPACES], netlink[SPACES]; /* open namespaces, and a netlink socket in each */
    int ping[PCS];                      /* raw ICMP sockets */
    unsigned answered[PCS];             /* one bit a PC */
};

static void die(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* ---- netlink: a batch of messages; the last one asks for an acknowledgement ---- */

static struct {
    char bytes[16384];
    size_t length;
    struct nlmsghdr *last;
} batch;

static void *append(const void *data, size_t size) {
    char *at = batch.bytes + batch.length;
    memcpy(at, data, size);
    memset(at + size, 0, NLMSG_ALIGN(size) - size);
    batch.length += NLMSG_ALIGN(size);
    batch.last->nlmsg_len = batch.bytes + batch.length - (char *)batch.last;
    return at;
}

static void message(int type, int flags, const void *header, size_t size) {
    struct nlmsghdr start = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
    batch.last = (struct nlmsghdr *)(batch.bytes + batch.length);
    append(&start, sizeof start);
    append(header, size);
}

static struct rtattr *attribute(int type, const void *data, size_t size) {
    struct rtattr start = {.rta_type = type, .rta_len = RTA_LENGTH(size)};
    struct rtattr *made = append(&start, sizeof start);
    if (size) append(data, size);
    return made;
}

static void number(int type, int value) { attribute(type, &value, sizeof value); }

static void text(int type, const char *value) { attribute(type, value, strlen(value) + 1); }

static void end(struct rtattr *nest) { nest->rta_len = batch.bytes + batch.length - (char *)nest; }

static void commit(int netlink) {
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char quoted[16384];
    } reply;
    batch.last->nlmsg_flags |= NLM_F_ACK;
    if (send(netlink, batch.bytes, batch.length, 0) < 0) die("send to netlink");
    if (recv(netlink, &reply, sizeof reply, 0) < 0) die("receive from netlink");
    errno = -reply.error.error;
    if (errno) die("netlink refuses");
    batch.length = 0;
}

/* ---- what a copy is made of ---- */

static const struct ifinfomsg UP = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};

static void set_up(int index) {
    struct ifinfomsg link = UP;
    link.ifi_index = index;
    message(RTM_NEWLINK, 0, &link, sizeof link);
}

static void add_bridge(int lan) {
    struct ifinfomsg link = UP;
    char name[IFNAMSIZ];
    link.ifi_index = bridge_index(lan);
    snprintf(name, sizeof name, "lan%d", lan);
    message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    text(IFLA_IFNAME, name);
    struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
    text(IFLA_INFO_KIND, "bridge");
    end(info);
}

/* One queue a direction: the default, one a processor, takes longer to make. */
static void one_queue(void) {
    number(IFLA_NUM_TX_QUEUES, 1);
    number(IFLA_NUM_RX_QUEUES, 1);
}

static void port_name(char name[IFNAMSIZ], const struct nic *nic) {
    snprintf(name, IFNAMSIZ, "%s-%d", SPACE[nic->node], nic->number);
}

/* A port of the LAN's bridge, whose other end is the NIC: down, since the kernel wants it so. */
static void add_cable(int index, int space) {
    const struct nic *nic = &NICS[index];
    struct ifinfomsg port = UP, peer = {.ifi_index = nic_index(nic)};
    char name[IFNAMSIZ], peer_name[IFNAMSIZ];
    port.ifi_index = port_index(index);
    port_name(name, nic);
    snprintf(peer_name, sizeof peer_name, "eth%d", nic->number);
    message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &port, sizeof port);
    text(IFLA_IFNAME, name);
    number(IFLA_MASTER, bridge_index(nic->lan));
    one_queue();
    struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
    text(IFLA_INFO_KIND, "veth");
    struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = attribute(VETH_INFO_PEER, &peer, sizeof peer);
    text(IFLA_IFNAME, peer_name);
    number(IFLA_NET_NS_FD, space);
    one_queue();
    end(other);
    end(data);
    end(info);
}

static void add_address(const struct nic *nic) {
    struct ifaddrmsg header = {
        .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = nic_index(nic)};
    in_addr_t address = inet_addr(nic->address);
    message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    attribute(IFA_LOCAL, &address, sizeof address);
    attribute(IFA_ADDRESS, &address, sizeof address);
}

static void add_route(const char *to, int length, const char *via) {
    struct rtmsg header = {
        .rtm_family = AF_INET, .rtm_dst_len = length, .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    in_addr_t target = inet_addr(to), gateway = inet_addr(via);
    message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    attribute(RTA_DST, &target, sizeof target);
    attribute(RTA_GATEWAY, &gateway, sizeof gateway);
}

/* ---- namespaces ---- */

static void set(const char *path, const char *value) {
    int file = open(path, O_WRONLY);
    if (file < 0 || write(file, value, strlen(value)) < 0) die(path);
    close(file);
}

/* What a new namespace takes from the host: routers shall forward, and PCs shall not. */
static int host_forwards;

static void ask_host(void) {
    char value = '0';
    int file = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY);
    if (file < 0 || read(file, &value, 1) != 1) die("ip_forward");
    close(file);
    host_forwards = value == '1';
}

static void space_path(char path[64], int copy, int space) {
    snprintf(path, 64, "/run/netns/floor-%d-%s", copy, SPACE[space]);
}

static void put(const char *folder, const char *name, const char *text) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (file < 0 || write(file, text, strlen(text)) < 0) die(path);
    close(file);
}

/* The files of a node: in memory, with a link to them below /etc/netns. */
static void files_paths(char own[64], char link[64], int copy, int node) {
    snprintf(own, 64, FILES "/%d-%s", copy, SPACE[node]);
    snprintf(link, 64, "/etc/netns/floor-%d-%s", copy, SPACE[node]);
}

static void make_files(int copy, int node) {
    char own[64], link[64];
    files_paths(own, link, copy, node);
    if (mkdir(own, 0755)) die(own);
    put(own, "hosts", HOSTS);
    put(own, "resolv.conf", RESOLVER);
    if (symlink(own, link)) die(link);
}

static void remove_files(int copy, int node) {
    char own[64], link[64], path[96];
    files_paths(own, link, copy, node);
    for (int file = 0; file < 2; file++) {
        snprintf(path, sizeof path, "%s/%s", own, file ? "hosts" : "resolv.conf");
        if (unlink(path)) die(path);
    }
    if (rmdir(own) || unlink(link)) die(link);
}

/* Makes a named namespace and leaves this process in it. */
static void make_space(struct copy *copy, int number, int space) {
    char path[64];
    space_path(path, number, space);
    if (unshare(CLONE_NEWNET)) die("unshare");
    copy->space[space] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    copy->netlink[space] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (copy->space[space] < 0 || copy->netlink[space] < 0) die("open a namespace");
    close(open(path, O_CREAT | O_RDONLY, 0));
    if (mount("/proc/self/ns/net", path, "none", MS_BIND, NULL)) die(path);
    set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    if (space < NODES) {
        set("/proc/sys/net/ipv4/conf/all/accept_redirects", "0");
        set("/proc/sys/net/ipv4/conf/default/accept_redirects", "0");
    }
    if (space < NODES && (space == R1 || space == R2) != host_forwards)
        set("/proc/sys/net/ipv4/ip_forward", host_forwards ? "0" : "1");
    if (space >= PC1 && space < NODES) {
        int ping = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
        if (ping < 0) die("raw socket");
        copy->ping[space - PC1] = ping;
    }
}

/*
 * Asks for the carrier of every port: the kernel (from 6.8) then puts it to use at once. Else it
 * does so a moment later, and a ping that is quicker loses its ARP request, and a second.
 */
static void use_carriers(const struct copy *copy) {
    if (setns(copy->space[SWITCHES], CLONE_NEWNET)) die("enter the switches");
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int nic = 0; nic < LENGTH(NICS); nic++) {
        struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
        struct ifreq request = {.ifr_data = (void *)&value};
        port_name(request.ifr_name, &NICS[nic]);
        if (ioctl(any, SIOCETHTOOL, &request)) die("ask for a carrier");
    }
    close(any);
}

static void build(struct copy *copy, int number) {
    for (int node = 0; node < NODES; node++) make_files(number, node);
    for (int space = 0; space < SPACES; space++) make_space(copy, number, space);
    for (int lan = 1; lan <= LANS; lan++) add_bridge(lan);
    for (int nic = 0; nic < LENGTH(NICS); nic++) add_cable(nic, copy->space[NICS[nic].node]);
    commit(copy->netlink[SWITCHES]);
    for (int node = 0; node < NODES; node++) {
        set_up(1);
        for (int nic = 0; nic < LENGTH(NICS); nic++)
            if (NICS[nic].node == node) {
                set_up(nic_index(&NICS[nic]));
                add_address(&NICS[nic]);
            }
        for (int route = 0; route < LENGTH(ROUTES); route++)
            if (ROUTES[route].node == node)
                add_route(ROUTES[route].to, ROUTES[route].length, ROUTES[route].via);
        commit(copy->netlink[node]);
    }
    use_carriers(copy);
}

static void destroy(struct copy *copy, int number) {
    char path[64];
    for (int space = 0; space < SPACES; space++) {
        space_path(path, number, space);
        if (umount2(path, MNT_DETACH) || unlink(path)) die(path);
        close(copy->netlink[space]);
        close(copy->space[space]);
    }
    for (int node = 0; node < NODES; node++) remove_files(number, node);
    for (int pc = 0; pc < PCS; pc++) close(copy->ping[pc]);
}

/* ---- ping ---- */

struct echo {
    unsigned char type, code;
    unsigned short checksum, id, sequence;
};

enum { REQUEST = 8, REPLY = 0, IP_HEADER = 20 };

static void ask(struct copy *copy) {
    for (int from = 0; from < PCS; from++)
        for (int to = 0; to < PCS; to++) {
            if (from == to || copy->answered[from] & 1u << to) continue;
            struct sockaddr_in target = {.sin_family = AF_INET};
            target.sin_addr.s_addr = inet_addr(PC_ADDRESS[to]);
            struct echo echo = {.type = REQUEST, .id = htons(from), .sequence = htons(to)};
            echo.checksum = htons(~((REQUEST << 8) + from + to));
            sendto(copy->ping[from], &echo, sizeof echo, 0, (void *)&target, sizeof target);
        }
}

/* Reads what has come in; returns how many pairs still lack an answer. */
static int listen_to(struct copy *copy) {
    int missing = 0;
    for (int from = 0; from < PCS; from++) {
        char packet[256];
        ssize_t size;
        while ((size = recv(copy->ping[from], packet, sizeof packet, 0)) > 0) {
            const struct echo *echo = (const struct echo *)(packet + IP_HEADER);
            if (size >= IP_HEADER + (ssize_t)sizeof *echo && echo->type == REPLY &&
                ntohs(echo->id) == from && ntohs(echo->sequence) < PCS)
                copy->answered[from] |= 1u << ntohs(echo->sequence);
        }
        missing += PCS - 1 - __builtin_popcount(copy->answered[from]);
    }
    return missing;
}

static int ping_all(struct copy *copies, int count) {
    double start = now_ms(), wait = FIRST_WAIT_MS;
    int missing = 1;
    while (missing && now_ms() < start + GIVE_UP_MS) {
        for (int i = 0; i < count; i++) ask(&copies[i]);
        double again = now_ms() + wait;
        do {
            missing = 0;
            for (int i = 0; i < count; i++) missing += listen_to(&copies[i]);
            if (missing) usleep(200);
        } while (missing && now_ms() < again);
        wait = wait * 2 < LONGEST_WAIT_MS ? wait * 2 : LONGEST_WAIT_MS;
    }
    return missing;
}

/*
 * As `ip netns` does: /run/netns is a mount of its own, so that names can be mounted in it. And the
 * nodes' files are in memory.
 */
static void prepare(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    mkdir("/run/netns", 0755);
    if (unshare(CLONE_NEWNS) || mount("", "/", "none", MS_PRIVATE | MS_REC, NULL)) die("mounts");
    if (mount("/run/netns", "/run/netns", "none", MS_BIND, NULL)) die("/run/netns");
    mkdir("/etc/netns", 0755);
    mkdir(FILES, 0755);
    if (mount("floor", FILES, "tmpfs", 0, NULL)) die(FILES);
}

int main(int arguments, char **argument) {
    int count = arguments > 1 ? atoi(argument[1]) : 1;
    struct copy *copies = calloc(count, sizeof *copies);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    prepare();
    ask_host();
    double start = now_ms();
    for (int i = 0; i < count; i++) build(&copies[i], i);
    double built = now_ms();
    int missing = ping_all(copies, count);
    double answered = now_ms();
    if (setns(home, CLONE_NEWNET)) die("go home");
    for (int i = 0; i < count; i++) destroy(&copies[i], i);
    double destroyed = now_ms();
    umount2(FILES, MNT_DETACH);
    rmdir(FILES);
    printf("{\"copies\": %d, \"create_ms\": %.2f, \"ping_ms\": %.2f, \"destroy_ms\": %.2f, "
           "\"missing\": %d}\n",
           count, built - start, answered - built, destroyed - answered, missing);
    return missing > 0;
}
