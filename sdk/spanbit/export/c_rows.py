"""C text of an image that comes row by row: NAME_begin, NAME_push, NAME_end, and NAME_run by means of them.

The rows go through runtime_c/src/kernels/stem_rows.c; the other layers run in NAME_end, as they always do.
"""

from __future__ import annotations

from spanbit.export.rows import RowsPlan

USE = """ *     if ({name}_init(arena) == {upper}_OK && {name}_begin(arena) == {upper}_OK) {{
 *         for (each row of the image, from the top)
 *             {name}_push(arena, row, 1);
 *         {name}_end(arena, output);
 *     }}"""

ERROR = """#define {upper}_ERROR_ROWS (-4)   /* {name}_begin was not called, too many rows, or too few */
"""

PROTOTYPES = """
/* The same row by row, so that no image need be in memory: {name}_begin, then {name}_push until all
 * {upper}_HEIGHT rows were given, as many at a time as there are, uint8 [count][width][channels], then
 * {name}_end. The first layers run in {name}_push, the others in {name}_end. After {upper}_ERROR_ROWS nothing
 * has changed; {name}_begin forgets the rows that were given. */
int {name}_begin(void *arena);
int {name}_push(void *arena, const uint8_t *rows, uint32_t count);
int {name}_end(void *arena, {name}_output *output);
"""


def internal(name: str, rows: RowsPlan) -> str:
    """Of src/NAME_layers.h."""
    return f"""
/* The first layers, which take rows: {name}_run_layer does not know them. What is below the image, after its
 * last row; not 0: rows are missing. */
#define {name.upper()}_ROW_LAYERS {rows.layers}u
int {name}_last_rows(uint8_t *arena);
"""


def check(name: str) -> str:
    """Of NAME_check: all rows of the golden image."""
    upper = name.upper()
    return f"""    status = {name}_begin(arena);
    if (status == {upper}_OK)
        status = {name}_push(arena, image, {upper}_HEIGHT);
    if (status != {upper}_OK || {name}_last_rows(bytes))
        return {upper}_ERROR_ROWS;
"""


def functions(name: str, rows: RowsPlan) -> str:
    """Of src/NAME.c: the functions that run an image."""
    upper = name.upper()
    pool = f"&{name}_layers[1]" if rows.layers > 1 else "NULL"
    places = ", ".join(
        f"{place}u"
        for place in (rows.band_rows, rows.strip, rows.scratch, rows.band, rows.pooled, rows.state)
    )
    return f"""static const spb_rows row_layers = {{&{name}_layers[0], {pool}, {places}}};

int {name}_last_rows(uint8_t *arena) {{
    return spb_rows_end(&row_layers, arena);
}}

int {name}_begin(void *arena) {{
    if (!arena || (uintptr_t)arena % {upper}_ARENA_ALIGN)
        return {upper}_ERROR_ARENA;
    spb_rows_begin(&row_layers, (uint8_t *)arena);
    return {upper}_OK;
}}

int {name}_push(void *arena, const uint8_t *rows, uint32_t count) {{
    if (!arena || (uintptr_t)arena % {upper}_ARENA_ALIGN)
        return {upper}_ERROR_ARENA;
    if (!rows)
        return {upper}_ERROR_NULL;
    return spb_rows_push(&row_layers, (uint8_t *)arena, rows, count) ? {upper}_ERROR_ROWS : {upper}_OK;
}}

static int end_rows(uint8_t *arena, {name}_output *output) {{
    if ({name}_last_rows(arena))
        return {upper}_ERROR_ROWS;
    for (uint32_t i = {upper}_ROW_LAYERS; i < {upper}_LAYERS; i++)
        {name}_run_layer(arena, NULL, output, i);
    return {upper}_OK;
}}

int {name}_end(void *arena, {name}_output *output) {{
    if (!arena || (uintptr_t)arena % {upper}_ARENA_ALIGN)
        return {upper}_ERROR_ARENA;
    return output ? end_rows((uint8_t *)arena, output) : {upper}_ERROR_NULL;
}}

int {name}_run(void *arena, const uint8_t *image, {name}_output *output) {{
    int status = {name}_begin(arena);
    if (status == {upper}_OK)
        status = output ? {name}_push(arena, image, {upper}_HEIGHT) : {upper}_ERROR_NULL;
    return status == {upper}_OK ? end_rows((uint8_t *)arena, output) : status;
}}
"""
