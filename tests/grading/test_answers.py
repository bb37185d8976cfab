"""Large sets of right and wrong answers, each checked directly and with the diagnosis it should get.

Files of tasks that a notebook checks by itself are tried in tests/authoring/test_exercises.py, through the
generated notebook, as is a part of these.
"""

import time
from collections import Counter
from pathlib import Path

import pytest

from kdcourse.authoring.answers import read_answers
from kdcourse.grading import check
from kdcourse.grading.tasks import all_tasks

FILES = sorted((Path(__file__).parent.parent / "answers").glob("ex*/*.py"))
ANSWERS = [(path.stem, answer) for path in FILES if path.stem in all_tasks() for answer in read_answers(path)]


@pytest.mark.parametrize(
    ("task", "answer"), ANSWERS, ids=[f"{task}-{answer.kind}-{answer.name}" for task, answer in ANSWERS]
)
def test_verdict_and_diagnosis(task, answer, capfd):
    names = {}
    exec(compile(answer.source, answer.name, "exec"), names)
    start = time.process_time()  # of this core: the machine may be busy
    report = check(task, names[task])
    assert report.passed == (answer.kind == "right"), report
    assert answer.expected in "\n".join(report.feedback), report
    assert report.feedback and all(report.feedback)
    assert report.passed <= (report.diagnosis is None)
    assert time.process_time() - start < 5
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_names_of_answers_are_unique(path):
    answers = read_answers(path)
    assert len({(answer.kind, answer.name) for answer in answers}) == len(answers)


LARGE = (
    "kd_loss kd_train_step ensemble_soft_targets generalized_jsd hint_loss build_optimizer vid_loss "
    "attention_map at_loss nst_mmd_loss fsp_matrix rkd_distance_loss rkd_angle_loss "
    "similarity_preserving_loss infonce_distillation_loss sparse_topk_soft_labels reconstruct_soft_labels "
    "soft_cross_entropy_from_sparse cached_teacher_logits self_distillation_loss dml_losses "
    "netaug_total_loss calibrate_batchnorm bounded_regression_loss localization_distillation_loss "
    "seg_kd_loss bayes_distilled_risk ntk compression_loss frechet_distance attention_score_loss "
    "hidden_state_loss quantize_uniform local_structure_loss expected_boxes "
    "pairwise_similarity smoothed_relu view_margins self_distilled_predictions degrees_of_freedom "
    "crossover_size total_variation distillation_bound relu_ntk kernel_flow linear_student "
    "paired_interval holm_adjust choose_setting mean_ranks"
)


@pytest.mark.parametrize("task", LARGE.split())
def test_the_public_tasks_have_large_sets(task):
    kinds = Counter(answer.kind for name, answer in ANSWERS if name == task)
    assert kinds["right"] >= 12 and kinds["wrong"] >= 25 and kinds["trivial"] >= 4
