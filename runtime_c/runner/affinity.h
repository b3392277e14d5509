/* Which processors this process, and the threads that it starts later, may run on. */
#ifndef SPB_AFFINITY_H
#define SPB_AFFINITY_H

enum { AFFINITY_MOST = 256 };

/* `list`: "0-3,5". 0 where it is not one, or where the system refuses. */
int affinity_set(const char *list);

/* Their numbers into place[AFFINITY_MOST]; how many. 0 where the system does not tell. */
int affinity_get(int *place);

#endif
