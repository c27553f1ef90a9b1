"""One-to-one matching from a sparse list of candidates, for masks and for centers alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(
    rows: NDArray[np.intp], columns: NDArray[np.intp], merit: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Choose candidates so that no row and no column is used twice.

    As many candidates as possible are chosen; among choices of equal number, the one with the
    largest sum of merits. Time and memory follow the number of candidates, not rows x columns.

    Parameters
    ----------
    rows, columns
        Candidate ``k`` joins ``rows[k]`` with ``columns[k]``; shape (candidate,), each joint once.
    merit
        Merit of each candidate, between 0 and 1; shape (candidate,).

    Returns
    -------
    Indices of the chosen candidates, ascending.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not _repeats(rows) and not _repeats(columns):
        return np.arange(rows.size)
    _, row = np.unique(rows, return_inverse=True)
    _, column = np.unique(columns, return_inverse=True)
    count, width = int(row.max()) + 1, int(column.max()) + 1
    # A full matching of the rows always exists because each may take a spare column of its own.
    # The spare costs 3; all merits together change the cost by less than 1, so that number goes
    # before merit.
    spare = np.arange(count)
    cost = 1.0 + (1.0 - merit) / (count + 1)
    graph = coo_array(
        (
            np.concatenate([cost, np.full(count, 3.0)]),
            (np.concatenate([row, spare]), np.concatenate([column, width + spare])),
        ),
        shape=(count, width + count),
    ).tocsr()
    taken_row, taken_column = min_weight_full_bipartite_matching(graph)
    taken = np.full(count, -1)
    taken[taken_row] = taken_column
    return np.flatnonzero(taken[row] == column)


def _repeats(values: NDArray[np.intp]) -> bool:
    return np.unique(values).size < values.size
