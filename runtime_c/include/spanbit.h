/* spanbit: run a compiled binary network.
 *
 *     spb_info info;
 *     spb_status status = spb_bundle_info(bundle, bundle_bytes, &info);
 *     void *arena = aligned memory of info.arena_bytes, aligned to 64
 *     spb_model model;
 *     status = spb_model_init(&model, bundle, bundle_bytes, arena, info.arena_bytes);
 *     status = spb_model_run(&model, image, image_bytes, logits, info.output_count);
 *
 * The library allocates nothing and has no globals: the caller owns the bundle, the arena and the model,
 * and keeps the first two alive and in place while the model is used. Two models may run in two threads.
 * A bundle is checked once, in spb_model_init; running it needs no checks. Format: docs/bundle-format.md.
 */
#ifndef SPANBIT_H
#define SPANBIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPB_VERSION_MAJOR 1
#define SPB_VERSION_MINOR 0
#define SPB_ARENA_ALIGN 64
#define SPB_WORKERS_MAX 8

/* Stable numbers: 1.. the call, 20.. the bundle, 60.. the run. New ones are added, none is reused. */
typedef enum spb_status {
    SPB_OK = 0,
    SPB_ERR_NULL = 1,          /* a pointer is NULL */
    SPB_ERR_ARENA_SMALL = 2,   /* arena smaller than spb_info.arena_bytes */
    SPB_ERR_ARENA_ALIGN = 3,   /* arena not aligned to SPB_ARENA_ALIGN */
    SPB_ERR_BUNDLE_ALIGN = 4,  /* bundle not aligned to 16 */
    SPB_ERR_IMAGE_BYTES = 5,   /* image has another size than height * width * channels */
    SPB_ERR_LOGIT_COUNT = 6,   /* logits has another size than output_count */
    SPB_ERR_INDEX = 7,         /* no such layer or golden record */
    SPB_ERR_WORKERS = 8,       /* a pool of no worker, or of more than SPB_WORKERS_MAX */
    SPB_ERR_POOL_MEMORY = 9,   /* a pool's memory is smaller than spb_pool_bytes, or not aligned to 64 */
    SPB_ERR_TRUNCATED = 20,    /* fewer bytes than the header says */
    SPB_ERR_MAGIC = 21,        /* not a bundle */
    SPB_ERR_VERSION = 22,      /* made for a newer runtime */
    SPB_ERR_CRC = 23,          /* altered */
    SPB_ERR_HEADER = 24,       /* a header field is out of range */
    SPB_ERR_LAYER = 25,        /* a layer record is out of range */
    SPB_ERR_SHAPE = 26,        /* a layer does not fit what it takes */
    SPB_ERR_REGION = 27,       /* a region leaves the arena or overlaps another */
    SPB_ERR_BLOB = 28,         /* weights or thresholds leave the file */
    SPB_ERR_TREE = 29,         /* the node records are not a tree */
    SPB_ERR_STREAM = 30,       /* the tap stream is malformed */
    SPB_ERR_GOLDEN_LAYER = 60, /* a layer's integers differ from the golden ones */
    SPB_ERR_GOLDEN_LOGITS = 61 /* logits differ from the golden ones by more than the tolerance */
} spb_status;

typedef enum spb_op {
    SPB_OP_STEM = 1,
    SPB_OP_TREE = 2,
    SPB_OP_DENSE = 3,
    SPB_OP_POOL = 4,
    SPB_OP_HEAD = 5,
    SPB_OP_SIGN = 6,
    SPB_OP_PRELU = 7,
    SPB_OP_AVG_POOL = 8,
    SPB_OP_REAL_CONV = 9,
    SPB_OP_REAL_HEAD = 10,
    SPB_OP_CONCAT = 11,
    SPB_OP_ADD = 12
} spb_op;

/* How a layer's output tensor is to be read. Inside a network it is bits, or reals as INT16: fixed-point
 * numbers. A last convolution delivers sums, of which every kind but bits is one. */
typedef enum spb_output {
    SPB_OUTPUT_BITS = 0,   /* a bits tensor: behind a threshold */
    SPB_OUTPUT_INT16 = 1,  /* sums, or reals; int16 [channels][height][width] */
    SPB_OUTPUT_INT32 = 2,  /* sums, int32 [channels][height][width] */
    SPB_OUTPUT_FLOAT32 = 3 /* sums as INT32; delivered is scale * sum + bias, and so by a head */
} spb_output;

typedef struct spb_info {
    size_t arena_bytes;
    uint16_t layer_count, class_count;
    uint16_t channels, height, width; /* the input image */
    uint16_t golden_count;
    uint16_t out_height, out_width; /* of what the network delivers: 1 and 1 behind a head */
    uint32_t output_count;          /* class_count * out_height * out_width */
    spb_output output;              /* of the last layer */
    char name[33], target[17];
} spb_info;

typedef struct spb_layer_info {
    spb_op op;
    char name[33];
    uint16_t in_channels, in_height, in_width;
    uint16_t out_channels, out_height, out_width;
    uint32_t row_bytes, plane_bytes; /* of the output; 0 where it is not bits */
    spb_output output;               /* how the output tensor is to be read */
    uint32_t tap_count;              /* tree: differing taps */
} spb_layer_info;

/* Called after each layer; `output` is the layer's output tensor, valid until the next layer runs. */
typedef void (*spb_layer_hook)(void *user, unsigned layer, const spb_layer_info *info, const void *output);

/* Workers, which the caller provides: the library starts no thread. run() calls task(context, w) once for
 * each w = 0 .. workers - 1, in any order or at the same time, and returns when all have returned. A pool of
 * threads is in pool/spanbit_pool.h. */
typedef void (*spb_task)(void *context, unsigned worker);
typedef struct spb_pool {
    unsigned workers; /* 1 .. SPB_WORKERS_MAX */
    void (*run)(void *user, spb_task task, void *context);
    void *user;
} spb_pool;

/* Fields are private: read them through the functions below. */
typedef struct spb_model {
    const uint8_t *bundle;
    uint8_t *arena;
    spb_info info;
    uint32_t layer_offset, golden_offset;
    spb_layer_hook hook;
    void *hook_user;
    spb_pool pool;
    uint8_t *pool_memory;
    int (*run_shared)(const struct spb_model *model, unsigned layer, const uint8_t *image);
} spb_model;

/* A text for each status; never NULL. */
const char *spb_status_text(spb_status status);

/* Which instruction set the kernels were built for: "scalar32", "scalar64", "neon32", "neon64", "avx2". */
const char *spb_isa(void);

/* Checks header and checksum only; enough to allocate the arena. */
spb_status spb_bundle_info(const void *bundle, size_t bundle_bytes, spb_info *info);

/* Checks the whole bundle and expands its tap tables into the arena. On an error, *failed_layer (may be
 * NULL) is the layer's index, or -1 where no layer is to blame. */
spb_status spb_model_init_at(spb_model *model, const void *bundle, size_t bundle_bytes, void *arena,
                             size_t arena_bytes, int *failed_layer);
spb_status spb_model_init(spb_model *model, const void *bundle, size_t bundle_bytes, void *arena,
                          size_t arena_bytes);

/* image: uint8 [height][width][channels]. logits: float [class_count][out_height][out_width]: a head's
 * logits, a convolution's scale * sum + bias, or its sums as they are, which a float holds exactly. */
spb_status spb_model_run(spb_model *model, const uint8_t *image, size_t image_bytes, float *logits,
                         size_t logit_count);

/* `count` images one after the other, and so their logits; the same as as many single runs. With a pool the
 * workers share every layer of one image. */
spb_status spb_model_run_batch(spb_model *model, const uint8_t *images, size_t images_bytes, size_t count,
                               float *logits, size_t logit_count);

/* Memory for a pool of so many workers, beside the arena: scratch, shares of the tables, outputs. */
spb_status spb_pool_bytes(const spb_model *model, unsigned workers, size_t *bytes);

/* From now on workers share each layer; the results stay the same, bit for bit. `memory`, aligned to 64, is
 * kept as the arena is, and so is what pool->user points to. pool NULL, or of one worker: no pool, no memory.
 */
spb_status spb_model_set_pool(spb_model *model, const spb_pool *pool, void *memory, size_t bytes);

/* The integers behind the last run's floats, [class_count][out_height][out_width], inside the arena until
 * the next run; int16_t where info.output is SPB_OUTPUT_INT16, else int32_t. */
spb_status spb_model_output(const spb_model *model, const void **sums);

/* hook NULL: no hook. Used for profiles (read a clock in it) and for equality tests. */
void spb_model_set_hook(spb_model *model, spb_layer_hook hook, void *user);

spb_status spb_model_layer(const spb_model *model, unsigned layer, spb_layer_info *info);

/* Runs golden record `index` and compares every layer. *failed_layer: the first that differs, or -1.
 * Takes the hook's place while it runs. */
spb_status spb_model_check_golden(spb_model *model, unsigned index, int *failed_layer, float *logits,
                                  size_t logit_count);

/* The image of golden record `index`, inside the bundle. */
spb_status spb_model_golden_image(const spb_model *model, unsigned index, const uint8_t **image);

#ifdef __cplusplus
}
#endif
#endif
