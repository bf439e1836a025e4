/*
 * The guest's agent, the only program in a lab guest. The same program runs at the outside peer.
 *
 *   agent MEBIBYTES      allocates and fills that much memory, then serves:
 *
 *   TCP 5001  sink       reads and discards whatever is sent
 *   TCP 5002  source     writes as fast as the other side reads
 *   TCP 7000  commands   one line in, one line out:
 *     stat               bytes received and sent, pages written, uptime
 *     dirty MIB RATE     keep rewriting the first MIB of the memory at RATE MiB/s of whole pages; 0 stops
 *     send IP PORT       open a TCP stream to IP:PORT and fill it until "stop"
 *     stop               end all streams opened by "send"
 *     verify             compare every word of the memory with what was written there last
 *     poke PAGE          flip one bit of a page, so that a test can see "verify" fail
 *
 * Every page holds pseudo-random words made from its number and from how often it was written ("version"), so memory
 * does not compress, a lost update shows as stale, and the versions must add up to the number of pages written.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, PAGES_PER_MIB = (1 << 20) / PAGE };
enum { SINK_PORT = 5001, SOURCE_PORT = 5002, COMMAND_PORT = 7000 };
enum { READ_BUFFER = 256 << 10, WRITE_BUFFER = 128 << 10 };

static uint64_t *memory;          /* pages * WORDS words */
static long pages;                /* size of the memory */
static uint32_t *version;         /* of each page: how often it was rewritten */
static uint64_t pages_written;    /* sum of all versions */
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the four above */

static volatile long dirty_pages; /* the first pages of memory are rewritten in turn ... */
static volatile long dirty_rate;  /* ... so many per second; 0: none */

static volatile int sending;      /* streams opened by "send" go on while this is set */
static volatile uint64_t bytes_received, bytes_sent;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* splitmix64, a bijection of 64 bits that looks random */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static uint64_t expected_word(uint64_t page, uint64_t page_version, uint64_t word)
{
    return mix((page << 34) ^ (page_version << 10) ^ word);
}

static void write_page(long page)
{
    uint64_t *words = memory + page * WORDS;
    for (int i = 0; i < WORDS; i++)
        words[i] = expected_word(page, version[page], i);
}

static int page_is_right(long page)
{
    const uint64_t *words = memory + page * WORDS;
    for (int i = 0; i < WORDS; i++)
        if (words[i] != expected_word(page, version[page], i))
            return 0;
    return 1;
}

/* Does the page hold an older version than it should: was an update lost? */
static int page_is_stale(long page)
{
    for (uint32_t older = version[page]; older-- > 0;)
        if (memory[page * WORDS] == expected_word(page, older, 0))
            return 1;
    return 0;
}

/* Writes pages at dirty_rate. After a stop of the guest it catches up on one second at the most. */
static void *dirty_memory(void *unused)
{
    long next = 0;
    double credit = 0, last = now();
    (void)unused;
    for (;;) {
        long rate = dirty_rate, working_set = dirty_pages;
        if (rate == 0 || working_set == 0) {
            usleep(20000);
            last = now();
            credit = 0;
            continue;
        }
        double t = now();
        credit += (t - last) * rate;
        last = t;
        if (credit > rate)
            credit = rate;
        for (; credit >= 1; credit -= 1) {
            pthread_mutex_lock(&memory_lock);
            if (next >= working_set)
                next = 0;
            version[next]++;
            write_page(next++);
            pages_written++;
            pthread_mutex_unlock(&memory_lock);
        }
        usleep(5000);
    }
    return NULL;
}

static void start_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_create(&thread, &attributes, function, argument);
}

static void *discard(void *argument)
{
    int connection = (int)(intptr_t)argument;
    char *buffer = malloc(READ_BUFFER);
    ssize_t n;
    while ((n = read(connection, buffer, READ_BUFFER)) > 0)
        bytes_received += n;
    close(connection);
    free(buffer);
    return NULL;
}

/* Fills a connection until it breaks, or until "stop" if it was opened by "send". Closes it. */
static void fill(int connection, int until_stop)
{
    char *buffer = malloc(WRITE_BUFFER);
    ssize_t n;
    memset(buffer, 'x', WRITE_BUFFER);
    while ((!until_stop || sending) && (n = write(connection, buffer, WRITE_BUFFER)) > 0)
        bytes_sent += n;
    close(connection);
    free(buffer);
}

static void *give(void *argument)
{
    fill((int)(intptr_t)argument, 0);
    return NULL;
}

static void *send_stream(void *argument)
{
    struct sockaddr_in *to = argument;
    while (sending) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(s, (struct sockaddr *)to, sizeof *to) == 0) {
            fill(s, 1);
        } else {
            close(s);
            usleep(200000);
        }
    }
    free(to);
    return NULL;
}

static void verify(FILE *answer)
{
    long bad = 0, stale = 0, first = -1;
    uint64_t sum = 0;
    double start = now();
    pthread_mutex_lock(&memory_lock);
    for (long page = 0; page < pages; page++) {
        sum += version[page];
        if (page_is_right(page))
            continue;
        bad++;
        if (first < 0)
            first = page;
        stale += page_is_stale(page);
    }
    fprintf(answer, "bad=%ld stale=%ld first=%ld pages=%ld dirtied=%llu sum=%llu took=%.2f\n", bad, stale, first, pages,
            (unsigned long long)pages_written, (unsigned long long)sum, now() - start);
    pthread_mutex_unlock(&memory_lock);
}

static void send_to(const char *ip, int port)
{
    struct sockaddr_in *to = calloc(1, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    inet_pton(AF_INET, ip, &to->sin_addr);
    sending = 1;
    start_thread(send_stream, to);
}

static void execute(const char *line, FILE *answer)
{
    long a, b;
    char ip[32];
    int port;
    if (sscanf(line, "dirty %ld %ld", &a, &b) == 2 && a >= 0 && b >= 0) {
        dirty_pages = a * PAGES_PER_MIB < pages ? a * PAGES_PER_MIB : pages;
        dirty_rate = b * PAGES_PER_MIB;
        fprintf(answer, "ok pages=%ld rate=%ld\n", dirty_pages, dirty_rate);
    } else if (sscanf(line, "send %31s %d", ip, &port) == 2) {
        send_to(ip, port);
        fprintf(answer, "ok\n");
    } else if (strncmp(line, "stop", 4) == 0) {
        sending = 0;
        fprintf(answer, "ok\n");
    } else if (strncmp(line, "verify", 6) == 0) {
        verify(answer);
    } else if (sscanf(line, "poke %ld", &a) == 1 && a >= 0 && a < pages) {
        memory[a * WORDS + 12] ^= 1;
        fprintf(answer, "ok\n");
    } else if (strncmp(line, "stat", 4) == 0) {
        fprintf(answer, "rx=%llu tx=%llu dirtied=%llu pages=%ld up=%.2f\n", (unsigned long long)bytes_received,
                (unsigned long long)bytes_sent, (unsigned long long)pages_written, pages, now());
    } else {
        fprintf(answer, "error: unknown command\n");
    }
}

static void *obey(void *argument)
{
    char line[256];
    FILE *connection = fdopen((int)(intptr_t)argument, "r+");
    while (fgets(line, sizeof line, connection)) {
        execute(line, connection);
        fflush(connection);
    }
    fclose(connection);
    return NULL;
}

struct service {
    int port;
    void *(*handle)(void *);
};

static void *serve(void *argument)
{
    const struct service *service = argument;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(service->port)};
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&address, sizeof address) || listen(s, 16)) {
        perror("agent: listen");
        exit(1);
    }
    for (;;) {
        int connection = accept(s, NULL, NULL);
        if (connection >= 0)
            start_thread(service->handle, (void *)(intptr_t)connection);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct service sink = {SINK_PORT, discard}, source = {SOURCE_PORT, give}, commands = {COMMAND_PORT, obey};
    long mebibytes = argc > 1 ? atol(argv[1]) : 1;
    signal(SIGPIPE, SIG_IGN);
    pages = (mebibytes > 0 ? mebibytes : 1) * PAGES_PER_MIB;
    memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    version = calloc(pages, sizeof *version);
    if (memory == MAP_FAILED || version == NULL) {
        perror("agent: memory");
        return 1;
    }
    for (long page = 0; page < pages; page++)
        write_page(page);
    fprintf(stderr, "agent: %ld MiB filled, up %.2f s\n", mebibytes, now());
    start_thread(serve, &sink);
    start_thread(serve, &source);
    start_thread(dirty_memory, NULL);
    serve(&commands);
    return 0;
}
