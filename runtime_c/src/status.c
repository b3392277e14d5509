/* A text for each status code. */
#include "spanbit.h"

const char *spb_status_text(spb_status status) {
    switch (status) {
    case SPB_OK:
        return "ok";
    case SPB_ERR_NULL:
        return "a pointer is NULL";
    case SPB_ERR_ARENA_SMALL:
        return "the arena is smaller than the bundle needs (spb_info.arena_bytes)";
    case SPB_ERR_ARENA_ALIGN:
        return "the arena is not aligned to 64 bytes";
    case SPB_ERR_BUNDLE_ALIGN:
        return "the bundle is not aligned to 16 bytes";
    case SPB_ERR_IMAGE_BYTES:
        return "the image has another size than height * width * channels";
    case SPB_ERR_LOGIT_COUNT:
        return "the logits have another size than the class count";
    case SPB_ERR_INDEX:
        return "there is no such layer or golden record";
    case SPB_ERR_WORKERS:
        return "a pool has 1 to 8 workers";
    case SPB_ERR_POOL_MEMORY:
        return "the pool's memory is smaller than spb_pool_bytes says, or not aligned to 64 bytes";
    case SPB_ERR_TRUNCATED:
        return "the bundle is cut off: fewer bytes than its header says";
    case SPB_ERR_MAGIC:
        return "this is not a spanbit bundle";
    case SPB_ERR_VERSION:
        return "the bundle was made for a newer runtime: update the runtime";
    case SPB_ERR_CRC:
        return "the bundle was altered: its checksum does not hold";
    case SPB_ERR_HEADER:
        return "a header field is out of range";
    case SPB_ERR_LAYER:
        return "a layer record is out of range";
    case SPB_ERR_SHAPE:
        return "a layer does not fit what it takes, or what it follows";
    case SPB_ERR_REGION:
        return "a memory region leaves the arena or overlaps another";
    case SPB_ERR_BLOB:
        return "weights or thresholds leave the file";
    case SPB_ERR_TREE:
        return "the node records are not a tree";
    case SPB_ERR_STREAM:
        return "the tap stream is malformed";
    case SPB_ERR_GOLDEN_LAYER:
        return "a layer's integers differ from the golden ones";
    case SPB_ERR_GOLDEN_LOGITS:
        return "logits differ from the golden ones by more than the tolerance";
    }
    return "unknown status";
}
