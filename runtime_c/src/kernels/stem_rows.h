/* The first layers of firmware that is given its image row by row (`spanbit export --input rows`). The
 * library has no use for them: it is given whole images. kernels/stem_rows.c */
#ifndef SPB_STEM_ROWS_H
#define SPB_STEM_ROWS_H

#include "../layer.h"

/* Places in the arena, as the compiler plans them (sdk/spanbit/export/rows.py). */
typedef struct spb_rows {
    const spb_layer *stem;
    const spb_layer *pool;  /* behind it, where nothing else reads the stem's output; or NULL */
    uint32_t band_rows;     /* of the stem's output, calculated at a time; 1 with a pool */
    uint32_t strip_arena;   /* the padded rows of the image that a band is made of */
    uint32_t scratch_arena; /* of the stem's kernel */
    uint32_t band_arena;    /* the stem's output, a band of it */
    uint32_t pooled_arena;  /* that row, its columns pooled */
    uint32_t state_arena;   /* a spb_rows_state; nothing else is there, whatever runs */
} spb_rows;

typedef struct spb_rows_state {
    uint32_t begun;  /* 1 between begin and end */
    uint32_t given;  /* rows of the image */
    uint32_t padded; /* the same with the padding above it */
    uint32_t made;   /* rows of the stem's output */
} spb_rows_state;

/* An image begins; what was given of another is forgotten. */
void spb_rows_begin(const spb_rows *r, uint8_t *arena);

/* The image's next `count` rows, [count][width][channels]. -1, and nothing is taken: none has begun, or it
 * has not so many rows left. */
int spb_rows_push(const spb_rows *r, uint8_t *arena, const uint8_t *rows, uint32_t count);

/* What is below the image; the output of the last of these layers is then whole. -1, and nothing is done: no
 * image has begun, or rows of it are missing. */
int spb_rows_end(const spb_rows *r, uint8_t *arena);

#endif
