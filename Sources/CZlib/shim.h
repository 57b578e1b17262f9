// zlib: raw deflate streams of compressed qcow2 clusters.
#include <zlib.h>
