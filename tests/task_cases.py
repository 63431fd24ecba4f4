"""Tasks as a configuration holds them; for the tests of tasks."""


def binary(operation="x+y", p: float | None = 7, **more):
    return {
        "name": "binary_operation",
        "operation": operation,
        "p": p,
        "pairs": "ordered",
        "train_fraction": 0.5,
        "label_noise": 0.0,
        **more,
    }


def addition(**more):
    return {"name": "liu2022_addition", "p": 10, "train_fraction": 45 / 55, **more}


def s3(**more):
    return {"name": "liu2022_s3", "train_fraction": 2 / 3, **more}


def clusters(**more):
    return {"name": "gaussian_clusters", "train_fraction": 0.5, **more}
