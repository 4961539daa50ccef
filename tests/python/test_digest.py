"""What makes two studies the same."""

import numpy
import pandas
from windrow._digest import canonical, study_digest


class Model:
    def __init__(self, depth=3, inner=None):
        self.depth, self.inner = depth, inner

    def get_params(self, deep=True):
        return {"depth": self.depth, "inner": self.inner}


def test_equal_estimators_are_the_same_and_others_are_not():
    assert canonical(Model(inner=Model(4))) == canonical(Model(inner=Model(4)))
    assert canonical(Model(inner=Model(4))) != canonical(Model(inner=Model(5)))
    assert canonical(Model(1)) != canonical(Model(1.0)) != canonical(Model(True))


def test_long_arrays_are_compared_whole():
    # Their `repr` leaves out the middle.
    one, other = numpy.zeros(10_000), numpy.zeros(10_000)
    assert canonical(Model(one)) == canonical(Model(other))
    other[5_000] = 1
    assert canonical(Model(one)) != canonical(Model(other))


def test_functions_are_compared_by_their_code():
    def scale(by):
        return [lambda x: x * 2, lambda x: x * 3][by]

    assert canonical(scale(0)) == canonical(scale(0)) != canonical(scale(1))


def test_every_cell_and_type_counts():
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [[1], [2]]})
    digests = [study_digest(frame, Model(), {})]
    for change in ({"a": [1, 3]}, {"a": [1.0, 2.0]}, {"b": ["x", "z"]}, {"c": [[1], [3]]}):
        digests.append(study_digest(frame.assign(**change), Model(), {}))
    digests.append(study_digest(frame.rename(columns={"a": "d"}), Model(), {}))
    digests.append(study_digest(frame, Model(), {"window": "week"}))
    assert len(set(digests)) == len(digests)
    assert study_digest(frame.copy(), Model(), {}) == digests[0]
