#include "common/process/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "/path", or "@name" in the abstract namespace. */
static int fill_name(const char *path, struct sockaddr_un *name, socklen_t *ret_length)
{
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(name->sun_path))
        return -EINVAL;
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(name->sun_path, path, length);
    if (path[0] == '@')
        name->sun_path[0] = '\0';
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

int notify_send(const char *state)
{
    struct sockaddr_un name;
    socklen_t length;
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path)
        return 0;
    int rc = fill_name(path, &name, &length);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&name, length) < 0)
        rc = -errno;
    close(fd);
    return rc;
}
