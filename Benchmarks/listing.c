// The yardstick: what libvirt itself takes to open a connection, list all domains and hand out each stored definition.
// Nothing is done with the definitions. One line comes out: seconds for opening, listing, reading, closing, and bytes.
//
//   listing URI open|list|read [THREADS]

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static virDomainPtr *domains;
static int count;
static atomic_int next;
static atomic_size_t bytes;
static atomic_int failures;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *read_definitions(void *unused)
{
    (void)unused;
    for (int index; (index = atomic_fetch_add(&next, 1)) < count;) {
        char *xml = virDomainGetXMLDesc(domains[index], VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
        if (!xml) {
            atomic_fetch_add(&failures, 1);
            continue;
        }
        atomic_fetch_add(&bytes, strlen(xml));
        free(xml);
    }
    return NULL;
}

static void *handle_events(void *unused)
{
    (void)unused;
    while (virEventRunDefaultImpl() == 0) {
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s URI open|list|read [THREADS]\n", argv[0]);
        return 2;
    }
    int lists = strcmp(argv[2], "open") != 0;
    int reads = strcmp(argv[2], "read") == 0;
    int threads = argc == 4 ? atoi(argv[3]) : 1;
    if (threads < 1 || threads > 64) {
        fprintf(stderr, "THREADS is 1 to 64\n");
        return 2;
    }
    pthread_t workers[64];
    pthread_t events;
    double start = now();

    if (virEventRegisterDefaultImpl() < 0 || pthread_create(&events, NULL, handle_events, NULL) != 0)
        return 1;
    virConnectPtr connection = virConnectOpen(argv[1]);
    if (!connection)
        return 1;
    double opened = now();

    if (lists && (count = virConnectListAllDomains(connection, &domains, 0)) < 0)
        return 1;
    double listed = now();

    if (reads) {
        for (int index = 0; index < threads; index++) {
            if (pthread_create(&workers[index], NULL, read_definitions, NULL) != 0)
                return 1;
        }
        for (int index = 0; index < threads; index++)
            pthread_join(workers[index], NULL);
    }
    double read = now();

    for (int index = 0; index < count; index++)
        virDomainFree(domains[index]);
    free(domains);
    virConnectClose(connection);
    double closed = now();

    printf("%.6f %.6f %.6f %.6f %d %zu\n", opened - start, listed - opened, read - listed, closed - read, count,
           (size_t)bytes);
    return failures ? 1 : 0;
}
