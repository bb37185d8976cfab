import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from kdcourse.evaluation import few_shot_accuracy, linear_probe


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clouds(n, *, classes=4, features=5, distance=1.5, seed=0):
    """n samples in shuffled order, around class centres that are the same for every seed."""
    labels = torch.arange(n) % classes
    labels = labels[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]
    return distance * normal(classes, features, seed=99)[labels] + normal(n, features, seed=seed), labels


def linear_probe_by_hand(features, labels, test_features, test_labels, cost):
    scaler = StandardScaler().fit(features.numpy())
    model = LogisticRegression(C=cost, max_iter=1000).fit(scaler.transform(features.numpy()), labels.numpy())
    right = model.predict(scaler.transform(test_features.numpy())) == test_labels.numpy()
    return 100 * right.mean()


class TestLinearProbe:
    @pytest.mark.parametrize("cost", [0.001, 1.0, 100.0])
    def test_is_standardised_logistic_regression(self, cost):
        train, test = clouds(60, seed=1), clouds(200, seed=2)
        found = linear_probe(*train, *test, cost=cost)
        assert found == pytest.approx(linear_probe_by_hand(*train, *test, cost))
        assert isinstance(found, float)

    def test_the_cost_matters(self):
        train, test = clouds(40, classes=3, seed=1), clouds(300, classes=3, seed=2)
        assert linear_probe(*train, *test, cost=1e-6) != linear_probe(*train, *test, cost=1.0)

    def test_separable_data(self):
        train, test = clouds(80, distance=40, seed=1), clouds(80, distance=40, seed=2)
        assert linear_probe(*train, *test) == 100

    def test_random_labels_are_near_chance(self):
        labels = torch.arange(2000) % 4
        found = linear_probe(normal(2000, 5), labels, normal(2000, 5, seed=1), labels)
        assert found == pytest.approx(25, abs=4)  # four standard errors of 2,000 test samples

    def test_labels_are_names_and_need_not_begin_with_0(self):
        (features, labels), (test_features, test_labels) = clouds(60, seed=1), clouds(200, seed=2)
        names = torch.tensor([7, 3, 40, 12])
        assert linear_probe(features, names[labels], test_features, names[test_labels]) == pytest.approx(
            linear_probe(features, labels, test_features, test_labels)
        )

    def test_units_and_origin_of_the_features_play_no_part(self):
        (features, labels), (test_features, test_labels) = clouds(60, seed=1), clouds(200, seed=2)
        scale, shift = torch.tensor([0.01, 1.0, 5.0, 100.0, 0.3]), torch.tensor([3.0, 0.0, -1.0, 50.0, 2.0])
        other = linear_probe(features * scale + shift, labels, test_features * scale + shift, test_labels)
        assert other == pytest.approx(linear_probe(features, labels, test_features, test_labels), abs=0.6)

    def test_standardised_by_the_training_part_and_not_by_the_test_part(self):
        """A test part that lies elsewhere is seen elsewhere; standardised by itself it would come back."""
        features = torch.cat([normal(50, 1) - 5, normal(50, 1, seed=1) + 5])
        labels = torch.arange(100) // 50
        assert linear_probe(features, labels, features + 100, labels) == 50

    def test_a_constant_feature_does_no_harm(self):
        train, test = clouds(60, seed=1), clouds(200, seed=2)
        constant = [
            (torch.cat([features, torch.full((len(features), 1), 3.0)], dim=1), labels)
            for features, labels in (train, test)
        ]
        assert linear_probe(*constant[0], *constant[1]) == pytest.approx(linear_probe(*train, *test))

    def test_class_that_is_only_in_the_test_part_counts_as_wrong(self):
        features, labels = clouds(40, classes=2, distance=40, seed=1)
        more, others = torch.cat([features, features]), torch.cat([labels, torch.full_like(labels, 2)])
        assert linear_probe(features, labels, more, others) == 50

    def test_takes_features_with_a_graph_and_leaves_all_as_it_is(self):
        (features, labels), test = clouds(40, seed=1), clouds(40, seed=2)
        copy = features.clone()
        with_graph = 1.0 * features.clone().requires_grad_()
        torch.manual_seed(3)
        state = torch.get_rng_state()
        assert linear_probe(with_graph, labels, *test) == linear_probe(features, labels, *test)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(features, copy)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"features": normal(40, 5, 1)}, r"features: expected \(N, D\)"),
            ({"features": normal(39, 5)}, r"features: expected \(N, D\).*got \(39, 5\) and \(40,\)"),
            ({"labels": torch.zeros(40, 1)}, r"features: expected \(N, D\)"),
            ({"features": normal(0, 5), "labels": torch.zeros(0)}, r"features: expected .* N >= 1"),
            ({"test_features": normal(30, 4)}, r"test_features: expected 5 columns.*got 4"),
            ({"test_labels": torch.zeros(29)}, r"test_features: expected \(N, D\)"),
            ({"labels": torch.zeros(40)}, "labels: expected at least two classes"),
            ({"features": torch.full((40, 5), torch.nan)}, "features: expected finite numbers"),
            ({"test_features": torch.full((30, 5), torch.inf)}, "test_features: expected finite numbers"),
        ],
    )
    def test_errors(self, change, message):
        (features, labels), (test_features, test_labels) = clouds(40), clouds(30)
        right = {
            "features": features,
            "labels": labels,
            "test_features": test_features,
            "test_labels": test_labels,
        }
        with pytest.raises(ValueError, match=message):
            linear_probe(**(right | change))


BOTH = pytest.mark.parametrize("classifier", ["centroid", "logistic"])


def episodes_by_hand(features, labels, classifier, *, ways, shots, queries, episodes, seed):
    """The same draws, judged by scikit-learn."""
    rng, features, labels = np.random.default_rng(seed), features.double().numpy(), labels.numpy()
    rows = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    found = []
    for _ in range(episodes):
        chosen = rng.permutation(len(rows))[:ways]
        drawn = [rng.choice(rows[c], shots + queries, replace=False) for c in chosen]
        support, query = (np.concatenate([d[part] for d in drawn]) for part in np.s_[:shots, shots:])
        model = NearestCentroid()
        x, q = features[support], features[query]
        if classifier == "logistic":
            scaler, model = StandardScaler().fit(x), LogisticRegression(max_iter=1000)
            x, q = scaler.transform(x), scaler.transform(q)
        found.append(100 * (model.fit(x, labels[support]).predict(q) == labels[query]).mean())
    return torch.tensor(found)


class TestFewShot:
    @BOTH
    @pytest.mark.parametrize(("ways", "shots", "queries"), [(3, 4, 7), (6, 2, 5), (2, 2, 1)])
    def test_is_what_scikit_learn_finds_in_the_same_episodes(self, classifier, ways, shots, queries):
        sizes = {"ways": ways, "shots": shots, "queries": queries, "episodes": 12, "seed": 5}
        features, labels = clouds(120, classes=6)
        found = few_shot_accuracy(features, labels, classifier=classifier, **sizes)
        assert torch.allclose(found, episodes_by_hand(features, labels, classifier, **sizes))

    @BOTH
    def test_separable_classes(self, classifier):
        found = few_shot_accuracy(*clouds(150, classes=6, distance=60), episodes=20, classifier=classifier)
        assert found.tolist() == 20 * [100.0]

    @BOTH
    def test_random_features_are_near_chance(self, classifier):
        features, labels = normal(400, 8), torch.arange(400) % 8
        found = few_shot_accuracy(features, labels, episodes=100, classifier=classifier)
        assert found.mean() == pytest.approx(20, abs=3)
        assert found.std() > 1

    def test_more_shots_help(self):
        features, labels = clouds(400, classes=8, distance=0.7)
        few, many = (
            few_shot_accuracy(features, labels, shots=shots, episodes=60).mean() for shots in (1, 20)
        )
        assert many > few + 8

    def test_shape_and_type(self):
        found = few_shot_accuracy(*clouds(120), ways=3)
        assert found.shape == (200,) and found.dtype == torch.float64
        steps = found * 3 * 15 / 100
        assert torch.allclose(steps, steps.round())

    @BOTH
    def test_episodes_follow_from_the_seed_alone(self, classifier):
        features, labels = clouds(150, classes=6, distance=0.7)
        options = {"episodes": 15, "classifier": classifier}
        first = few_shot_accuracy(features, labels, seed=4, **options)
        torch.manual_seed(7)
        np.random.seed(7)
        states = torch.get_rng_state(), np.random.get_state()[1].copy()
        assert torch.equal(few_shot_accuracy(features, labels, seed=4, **options), first)
        assert torch.equal(torch.get_rng_state(), states[0])
        assert (np.random.get_state()[1] == states[1]).all()
        assert not torch.equal(few_shot_accuracy(features, labels, seed=5, **options), first)

    @BOTH
    def test_fewer_episodes_are_the_first_of_many(self, classifier):
        features, labels = clouds(150, classes=6, distance=0.7)
        many, few = (few_shot_accuracy(features, labels, episodes=n, classifier=classifier) for n in (12, 5))
        assert torch.equal(many[:5], few)

    def test_two_nets_meet_the_same_episodes(self):
        """Features of another size and sense; where both carry the labels they are right together."""
        labels = torch.arange(150) % 6
        mistaken = normal(150) > 0.8  # the samples whose features tell the next class
        told = torch.where(mistaken, (labels + 1) % 6, labels)
        one, other = torch.eye(6)[told], 3 * torch.eye(8)[told] + 1
        found, again = (few_shot_accuracy(f, labels, episodes=30) for f in (one, other))
        assert torch.equal(found, again) and 40 < found.mean() < 99

    def test_support_and_queries_are_different_samples(self):
        """Features that are nothing but the sample's number: no query lies at its own example."""
        labels = torch.arange(40) % 2
        features = torch.eye(40)
        found = few_shot_accuracy(features, labels, ways=2, shots=10, queries=10, episodes=50)
        assert found.tolist() == 50 * [50.0]  # equally far from both means: all go to the first

    def test_all_classes_come_up(self):
        """One class of five is mixed up with another; only episodes with both can suffer."""
        labels = torch.arange(250) % 5
        features = 10 * torch.eye(5)[labels] + 0.1 * normal(250, 5)
        features[labels == 4] = features[labels == 3]
        found = few_shot_accuracy(features, labels, ways=2, episodes=400)
        assert (found < 90).double().mean() == pytest.approx(1 / 10, abs=0.05)

    def test_centroid_goes_by_euclidean_distance_and_logistic_by_standardised_features(self):
        features, labels = clouds(200, classes=5)
        stretched = features * torch.tensor([1.0, 1.0, 1.0, 1.0, 1000.0])
        options = {"episodes": 40}
        turn = torch.linalg.qr(normal(5, 5, seed=3))[0]
        plain = few_shot_accuracy(features, labels, **options)
        assert torch.allclose(few_shot_accuracy(3 * features @ turn + 2, labels, **options), plain)
        assert few_shot_accuracy(stretched, labels, **options).mean() < plain.mean() - 5
        one, other = (
            few_shot_accuracy(f, labels, classifier="logistic", **options) for f in (features, stretched)
        )
        assert (one - other).abs().max() < 2

    def test_labels_are_names(self):
        features, labels = clouds(150, classes=6)
        names = torch.tensor([3, 4, 10, 11, 90, 95])  # in the same order
        assert torch.equal(
            few_shot_accuracy(features, names[labels], episodes=9),
            few_shot_accuracy(features, labels, episodes=9),
        )

    def test_takes_features_with_a_graph(self):
        features, labels = clouds(120)
        found = few_shot_accuracy(1.0 * features.requires_grad_(), labels, ways=4, episodes=3)
        assert not found.requires_grad

    def test_exactly_enough_samples(self):
        features, labels = clouds(20, classes=4)
        few_shot_accuracy(features, labels, ways=4, shots=2, queries=3, episodes=3)
        with pytest.raises(
            ValueError, match="4 classes with 2 \\+ 4 samples each, got 4 classes with at least 5"
        ):
            few_shot_accuracy(features, labels, ways=4, shots=2, queries=4, episodes=3)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"ways": 1}, "ways: expected at least 2"),
            ({"shots": 0}, "shots: expected at least 1"),
            ({"queries": 0}, "queries: expected at least 1"),
            ({"episodes": 0}, "episodes: expected at least 1"),
            ({"ways": 7}, "at least 7 classes"),
            ({"classifier": "nearest"}, 'classifier: expected "centroid" or "logistic", got \'nearest\''),
            ({"features": normal(120, 5, 1)}, r"features: expected \(N, D\)"),
            ({"labels": torch.zeros(119)}, r"features: expected \(N, D\)"),
            ({"features": torch.full((120, 5), torch.nan)}, "features: expected finite numbers"),
        ],
    )
    def test_errors(self, change, message):
        features, labels = clouds(120, classes=6)
        with pytest.raises(ValueError, match=message):
            few_shot_accuracy(**({"features": features, "labels": labels} | change))
