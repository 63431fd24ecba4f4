"""The regression behind a scaling law: log-normal times of which many are known within bounds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from phasegrok.errors import InputError

# The end of an interval from 0, for the logarithm of 0 has no gradient.
_LEAST = 1e-6


def fitted(logs: np.ndarray, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """Exponents and intercept, their covariance, and the scatter of log T, of greatest likelihood.

    Args:
        logs: logarithms of the keys, about their means: [runs, keys].
        runs: `low` and `high`, between which each time lies, and `crossed`; as `scaling_runs`.

    Raises:
        InputError: the fit does not converge.
    """
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    names = [f"x{i}" for i in range(logs.shape[1])]
    low, high = runs["low"].clip(lower=_LEAST).to_numpy(), runs["high"].to_numpy()
    data = pd.DataFrame(logs, columns=pd.Index(names)).assign(low=low, high=high)
    fitter = _fitter(np.log(np.where(np.isfinite(high), high, low)))
    try:
        with warnings.catch_warnings():
            # How lifelines calls pandas is between those two.
            warnings.filterwarnings("ignore", "Starting with pandas version", module="lifelines")
            warnings.simplefilter("error", ConvergenceWarning)
            fitter.fit_interval_censoring(data, "low", "high")
    except (ConvergenceError, ConvergenceWarning) as error:
        raise InputError(
            f"no power law can be fitted to these {len(data)} runs, {runs['crossed'].sum()} of "
            "which crossed: the fit does not converge, as where times have no scatter at all; add "
            "seeds or values, or fit against fewer keys"
        ) from error
    order = [("mu_", name) for name in (*names, "Intercept")]
    found, scatter = fitter.params_[order].to_numpy(), np.exp(fitter.params_["sigma_", "Intercept"])
    return found, fitter.variance_matrix_.loc[order, order].to_numpy(), float(scatter)


def _fitter(times: np.ndarray) -> Any:
    """lifelines' regression, begun at the mean and spread of these logarithms of times.

    By itself it begins at a distribution without keys, which it looks for without gradients; at
    100,000 runs that takes longer than the regression.
    """
    from lifelines import LogNormalAFTFitter

    spread = max(times.std(), 0.1)

    class Fitter(LogNormalAFTFitter):
        def _create_initial_point(
            self, Ts: Any, E: Any, entries: Any, weights: Any, Xs: Any
        ) -> dict[str, np.ndarray]:
            start = {("mu_", "Intercept"): times.mean(), ("sigma_", "Intercept"): np.log(spread)}
            return {
                part: np.array(
                    [start.get(column, 0.0) for column in Xs.columns if column[0] == part]
                )
                for part in self._fitted_parameter_names
            }

    return Fitter()
