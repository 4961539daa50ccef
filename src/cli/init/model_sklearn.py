"""The learner of this pipeline. Windrow starts this program, lets it fit, and asks it for probabilities.

Its columns are the features of the pipeline file. A column of text is a pandas category, whose 255 most frequent values
count. Each fit gets a seed of its own. If you change this file, it is another learner: start `windrow run --fresh`,
or choose another --workdir.
"""

import windrow
from sklearn.ensemble import HistGradientBoostingClassifier

windrow.learner(HistGradientBoostingClassifier(max_iter=200, learning_rate=0.1))
