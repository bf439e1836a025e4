/*
 * Sends GETs at a fixed mean rate, whether or not answers come (an open loop with Poisson arrivals), and prints how long
 * each took from the moment it was due: a request that waits for a free connection has begun to wait (Gil Tene's
 * coordinated omission).
 *
 *     openloop ADDRESS PORT PATH CONNECTIONS RATE SECONDS
 *
 * Prints one line of JSON; times in microseconds. The first second is left out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct connection {
  int fd;
  double due;
  long left; /* of the body; -1: in the header */
  int head;
  char buffer[65536];
};

static char request[4096];
static int request_length;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void ask(struct connection *one, double due) {
  one->due = due;
  one->left = -1;
  one->head = 0;
  if (write(one->fd, request, request_length) != request_length) die("write");
}

/* 1: the answer is complete. */
static int take(struct connection *one) {
  for (;;) {
    char *at = one->left < 0 ? one->buffer + one->head : one->buffer;
    long room = one->left < 0 ? (long)sizeof one->buffer - 1 - one->head : (long)sizeof one->buffer;
    long got = read(one->fd, at, room);
    if (got == 0) {
      fprintf(stderr, "a connection was closed\n");
      exit(1);
    }
    if (got < 0) {
      if (errno == EAGAIN) return 0;
      die("read");
    }
    if (one->left < 0) {
      one->head += got;
      one->buffer[one->head] = 0;
      char *end = strstr(one->buffer, "\r\n\r\n");
      if (end == NULL) continue;
      if (strncmp(one->buffer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "no 200: %.80s\n", one->buffer);
        exit(1);
      }
      char *length = strcasestr(one->buffer, "\r\ncontent-length:");
      if (length == NULL || length > end) {
        fprintf(stderr, "no length\n");
        exit(1);
      }
      one->left = atol(length + 17) - (one->head - (end + 4 - one->buffer));
    } else {
      one->left -= got;
    }
    if (one->left <= 0) return 1;
  }
}

int main(int count, char **args) {
  if (count != 7) {
    fprintf(stderr, "openloop ADDRESS PORT PATH CONNECTIONS RATE SECONDS\n");
    return 2;
  }
  int connections = atoi(args[4]);
  double rate = atof(args[5]), seconds = atof(args[6]);
  request_length = snprintf(request, sizeof request,
                            "GET %s HTTP/1.1\r\nHost: %s:%s\r\nAccept: application/json\r\nX-Auth-Token: "
                            "gAAAAABhX8jQ0123456789\r\nUser-Agent: openloop\r\n\r\n",
                            args[3], args[1], args[2]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(args[2]))};
  if (inet_pton(AF_INET, args[1], &to.sin_addr) != 1) die("address");
  int poll = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  int *free_ones = calloc(connections, sizeof *free_ones), frees = 0;
  for (int i = 0; i < connections; i++) {
    int on = 1;
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(all[i].fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
    free_ones[frees++] = i;
  }
  long capacity = (long)(rate * (seconds + 2) * 1.2) + 1000;
  double *due = malloc(capacity * sizeof *due), *took = malloc(capacity * sizeof *took);
  long arrived = 0, asked = 0, answered = 0, kept = 0;
  srand48(1);
  double begin = now() + 0.05, next = begin, end = begin + 1 + seconds;
  while (answered < arrived || next < end) {
    double t = now();
    if (t > end + 10) break;
    for (; next <= t && next < end && arrived < capacity; next += -log(1 - drand48()) / rate) due[arrived++] = next;
    while (asked < arrived && frees > 0) ask(&all[free_ones[--frees]], due[asked++]);
    double wait = (next < end ? next : t + 0.1) - now();
    if (wait < 0) wait = 0;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)(fmin(wait, 0.1) * 1e9)};
    struct epoll_event events[256];
    int ready = epoll_pwait2(poll, events, 256, &timeout, NULL);
    for (int i = 0; i < ready; i++) {
      struct connection *one = &all[events[i].data.u32];
      if (!take(one)) continue;
      double finished = now();
      answered++;
      if (one->due >= begin + 1) took[kept++] = finished - one->due;
      free_ones[frees++] = events[i].data.u32;
    }
  }
  if (kept == 0 || answered < arrived) {
    fprintf(stderr, "%ld of %ld requests were answered\n", answered, arrived);
    return 1;
  }
  qsort(took, kept, sizeof *took, by_value);
  printf("{\"requests\":%ld,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n", kept,
         took[kept / 2] * 1e6, took[(long)(kept * 0.9)] * 1e6, took[(long)(kept * 0.99)] * 1e6,
         took[(long)(kept * 0.999)] * 1e6, took[kept - 1] * 1e6);
  return 0;
}
