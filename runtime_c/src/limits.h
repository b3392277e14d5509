/* What a build for a single network may leave out. The library defines none of these and takes every network;
 * the C files that `spanbit export` writes define them all, each as their network needs it. */
#ifndef SPB_LIMITS_H
#define SPB_LIMITS_H

/* Bytes that planes take a multiple of: 32, or 8 where no word is longer than 8. */
#ifndef SPB_PLANE_ALIGN
#define SPB_PLANE_ALIGN 32
#endif

/* Planes of a tree's sums, at most. */
#ifndef SPB_PLANES_LIMIT
#define SPB_PLANES_LIMIT 18
#endif

/* How many lanes of images share a word (spb_lanes): the sum of all that occur, 1, 2 and 4. */
#ifndef SPB_TREE_LANES
#define SPB_TREE_LANES 7
#endif

/* Whether a tree delivers sums; whether one that delivers bits has zero padding. */
#ifndef SPB_TREE_SUMS
#define SPB_TREE_SUMS 1
#endif
#ifndef SPB_TREE_BORDER
#define SPB_TREE_BORDER 1
#endif

/* Whether node records are packed (packed_nodes.h), as only firmware has them. */
#ifndef SPB_PACKED_NODES
#define SPB_PACKED_NODES 0
#endif

/* What addresses of taps are multiples of, the bytes of a row up to 4: the sum of those that layers have. */
#ifndef SPB_TAP_ALIGNS
#define SPB_TAP_ALIGNS 7
#endif

/* Of the stem: taps; weights that are laid out at a time, at least (taps + 4) times the tile's channels, or
 * what the tile is best with (stem_conv.c). */
#ifndef SPB_STEM_TAPS
#define SPB_STEM_TAPS (4 * 7 * 7)
#endif
#ifndef SPB_STEM_CHANNELS
#define SPB_STEM_CHANNELS 128
#endif

/* Where the image comes row by row: whether a pool takes its rows, of bits or of reals. */
#ifndef SPB_ROWS_BITS_POOL
#define SPB_ROWS_BITS_POOL 1
#endif
#ifndef SPB_ROWS_REAL_POOL
#define SPB_ROWS_REAL_POOL 1
#endif

#endif
