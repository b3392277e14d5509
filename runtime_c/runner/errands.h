/* What a push needs of a board and its userland may lack: SHA-256, a rename onto a link, a sync; and what
 * only a program can ask: which counters perf_event_open gives.
 *
 *     spb_runner --sha256 FILE...      as `sha256sum FILE...` prints them
 *     spb_runner --rename FROM TO      rename(2): TO is replaced in one step, never entered
 *     spb_runner --sync                all that was written goes to the disk
 *     spb_runner --counters            one JSON object
 */
#ifndef SPB_ERRANDS_H
#define SPB_ERRANDS_H

/* 0 where the command line asks for none of them; else it is done, with *exit_code. */
int errand_done(int argc, char **argv, int *exit_code);

#endif
