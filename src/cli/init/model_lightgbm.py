"""The learner of this pipeline. Windrow starts this program, lets it fit, and asks it for probabilities.

Its columns are the features of the pipeline file. A column of text is a pandas category. Each fit gets a seed of its
own. If you change this file, it is another learner: start `windrow run --fresh`, or choose another --workdir.
"""

import windrow
from lightgbm import LGBMClassifier

windrow.learner(
    LGBMClassifier(
        n_estimators=200,
        learning_rate=0.05,
        # The same rows give the same model, whatever the number of threads.
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
)
