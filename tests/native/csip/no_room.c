/* To be preloaded: sendmmsg as on an interface whose queue is full. set_room(n): n more datagrams fit; -1: all. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

static int room = -1;

void set_room(int datagrams) { room = datagrams; }

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
    int (*real)(int, struct mmsghdr *, unsigned int, int) = (int (*)(int, struct mmsghdr *, unsigned int,
            int))dlsym(RTLD_NEXT, "sendmmsg");
    if (room == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (room > 0 && (unsigned)room < count) count = (unsigned)room;
    int sent = real(fd, messages, count, flags);
    if (room > 0 && sent > 0) room -= sent;
    return sent;
}
