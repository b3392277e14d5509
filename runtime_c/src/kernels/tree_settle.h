/* A count joins a sum, and the sum is compared: included by tree_conv.c once for each type of word.
 *
 *   SETTLE, TAIL_STEP, STORE_PLANE   names of the functions
 *   WORD                             type; OP(name): its operations; SPLAT(x): of a spb_word
 *
 * The count, of `count_planes` planes, has weight 1 or 2; it joins the parent's sum, or begins one. The sum S
 * is compared with the header's constant T: both modulo 2^planes and no further apart than 2^(planes - 1), so
 * S >= T where the top bit of S + not T + 1 is 0. The carries into its planes are c := majority(s_j, k_j, c)
 * with k_j = not t_j, which is k_j where s_j and c differ, else s_j; at first c is 1. The header has k_j as
 * bytes, and what is left of the top plane's t_j, and of <= instead of >=, as SPB_STEP_FLIP.
 *
 * With zero padding T depends on the pixel: `words` are those of tree_border.h, and the step's tail says
 * which to invert k_j with. Without, `words` is NULL, a constant.
 */

/* Plane j of the sum: of the parent's and of the count, whose plane 0 has weight 2^shift. */
SPB_INLINE WORD OP(add_plane)(int j, const WORD *count, int count_planes, int shift, WORD x, WORD *carry) {
    int i = j - shift;
    if (i == 0) {
        *carry = OP(half)(&x, count[i]);
    } else if (i > 0 && i < count_planes) {
        *carry = OP(full)(&x, count[i], *carry, 0);
    } else if (i > 0) {
        *carry = OP(half)(&x, *carry);
    }
    return x;
}

/* Where plane j's bit of T differs from the base class's. */
SPB_INLINE WORD OP(border_plane)(uint32_t j, const uint8_t *tail, const uint8_t *words,
                                 uint32_t class_bytes) {
    if (class_bytes == 1) /* a constant, where it is */
        return OP(load)(words + tail[j] * sizeof(WORD));
    tail += j * class_bytes;
    WORD x = OP(load)(words + tail[0] * sizeof(WORD));
    for (uint32_t b = 1; b < class_bytes; b++)
        x = OP(xor)(x, OP(load)(words + (b * SPB_BORDER_WORDS + tail[b]) * sizeof(WORD)));
    return x;
}

SPB_INLINE uint8_t *OP(slot)(const tile *t, uint32_t index) {
    return t->slots + index * (size_t)t->planes * sizeof(WORD);
}

SPB_INLINE WORD OP(settle_as)(const WORD *count, int count_planes, int shift, int from_zero, int keep,
                              const tile *t, const uint8_t *header, uint32_t flags, const uint8_t *tail,
                              const uint8_t *words, uint32_t class_bytes) {
    const uint8_t *masks = header + SPB_STEP_MASKS;
    const uint8_t *source = from_zero ? NULL : OP(slot)(t, header[SPB_STEP_SOURCE]);
    uint8_t *slot = keep ? OP(slot)(t, header[SPB_STEP_SLOT]) : NULL;
    const uint32_t top = t->top;
    spb_word row = SPB_MASK_ROW(masks);
    WORD zero = OP(splat_byte)(0), carry = zero, c = OP(splat_byte)(0xFF);
    WORD flip = SPLAT(spb_splat_mask(header[SPB_STEP_FLIP]));
#define PLANE(j)                                                                                             \
    {                                                                                                        \
        const size_t at = (j) * sizeof(WORD);                                                                \
        WORD s = (j) < count_planes ? count[j] : zero;                                                       \
        if ((j) >= SPB_PLANES_LIMIT)                                                                         \
            return c;                                                                                        \
        if (!from_zero)                                                                                      \
            s = OP(add_plane)(j, count, count_planes, shift, OP(load)(source + at), &carry);                 \
        if (keep)                                                                                            \
            OP(store)(slot + at, s);                                                                         \
        if (top >> (j)&1u) {                                                                                 \
            if (flags & SPB_STEP_FIXED)                                                                      \
                return flip;                                                                                 \
            if (words)                                                                                       \
                flip = OP(xor)(flip, OP(border_plane)(j, tail, words, class_bytes));                         \
            return OP(xor)(OP(xor)(s, c), flip);                                                             \
        }                                                                                                    \
        WORD k = SPLAT(SPB_MASK_OF(row, masks, j));                                                          \
        if (words)                                                                                           \
            k = OP(xor)(k, OP(border_plane)(j, tail, words, class_bytes));                                   \
        c = OP(select)(OP(xor)(s, c), k, s);                                                                 \
    }
    EACH_PLANE(PLANE)
#undef PLANE
    return c; /* never, nor above: no layer has more planes */
}

SPB_INLINE WORD SETTLE(const WORD *count, int count_planes, const tile *t, const uint8_t *header,
                       uint32_t flags, const uint8_t *tail, const uint8_t *words, uint32_t class_bytes) {
#define AS(shift, from_zero, keep)                                                                           \
    return OP(settle_as)(count, count_planes, shift, from_zero, keep, t, header, flags, tail, words,         \
                         class_bytes)
    /* constants from here on */
    switch (flags & (SPB_STEP_KEEP | SPB_STEP_SHIFT | SPB_STEP_FROM_ZERO)) {
    case SPB_STEP_KEEP:
        AS(0, 0, 1);
    case SPB_STEP_SHIFT:
        AS(1, 0, 0);
    case SPB_STEP_SHIFT | SPB_STEP_KEEP:
        AS(1, 0, 1);
    case SPB_STEP_FROM_ZERO:
        AS(0, 1, 0);
    case SPB_STEP_FROM_ZERO | SPB_STEP_KEEP:
        AS(0, 1, 1);
    default:
        AS(0, 0, 0);
    }
#undef AS
}

/* A word of pixels, and zeros up to `bytes` of the plane. */
SPB_INLINE void STORE_PLANE(uint8_t *to, WORD bits, uint32_t bytes) {
    OP(store)(to, bits);
    for (uint32_t rest = sizeof(WORD); rest < bytes; rest += sizeof(WORD))
        OP(store)(to + rest, OP(splat_byte)(0));
}

/* A step that has a tail: zero padding, or sums for output. Of the plane it writes `bytes`. */
static void TAIL_STEP(const tile *t, const WORD *count, int count_planes, const uint8_t *header,
                      const uint8_t *tail, uint32_t bytes) {
    uint32_t channel = spb_u16(header + SPB_STEP_CHANNEL);
    if (SPB_TREE_SUMS && t->layer->output) {
        (void)SETTLE(count, count_planes, t, header, header[SPB_STEP_FLAGS], NULL, NULL, 0);
        step_sums(t, channel, sizeof(WORD), OP(slot)(t, header[SPB_STEP_SLOT]), tail);
    } else {
        WORD bits = SETTLE(count, count_planes, t, header, header[SPB_STEP_FLAGS], tail, t->border_words,
                           t->class_bytes);
        STORE_PLANE(t->out + (size_t)channel * t->plane_bytes, OP(and)(bits, OP(load)(t->mask)), bytes);
    }
}

#undef SETTLE
#undef TAIL_STEP
#undef STORE_PLANE
#undef OP
#undef SPLAT
#undef WORD
