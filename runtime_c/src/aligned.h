/* An array's alignment, in front of its type. Kernels load words from it, and firmware has constants so.
 *
 * C99 has no word for it. A compiler of C99 that is not gcc or clang is told: -D'SPB_ALIGNED(bytes)=...'.
 */
#ifndef SPB_ALIGNED_H
#define SPB_ALIGNED_H

#if defined(SPB_ALIGNED)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define SPB_ALIGNED(bytes) _Alignas(bytes)
#elif defined(__GNUC__) || defined(__clang__)
#define SPB_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#error "this compiler's alignment of an array is not known: define SPB_ALIGNED(bytes), or compile as C11"
#endif

#endif
