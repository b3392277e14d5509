/* What this program was compiled for, and which version of its JSON it speaks. */
#ifndef SPB_ARCH_H
#define SPB_ARCH_H

enum { RUNNER_PROTOCOL = 2 };

#if defined(__aarch64__)
#define RUNNER_ARCH "aarch64"
#elif defined(__ARM_ARCH) && __ARM_ARCH == 7
#define RUNNER_ARCH "armv7"
#elif defined(__ARM_ARCH) && __ARM_ARCH == 6
#define RUNNER_ARCH "armv6"
#elif defined(__x86_64__)
#define RUNNER_ARCH "x86_64"
#else
#define RUNNER_ARCH "other"
#endif

#endif
