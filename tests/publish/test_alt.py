import nbformat

from companion.publish.clean import graft


def test_a_figure_s_own_words_follow_the_author_s():
    source = nbformat.v4.new_code_cell("f()", id="a")
    source.metadata["mystnb"] = {"image": {"alt": "Line chart."}}
    ran = nbformat.v4.new_code_cell("f()", id="a")
    picture = nbformat.v4.new_output(
        "display_data",
        data={"image/png": "aGk="},
        metadata={"image/png": {"width": 7, "alt": "It rises from 1 to 3."}},
    )
    ran.outputs = [picture]
    notebooks = [nbformat.v4.new_notebook(cells=[cell]) for cell in (source, ran)]
    (cell,) = graft(*notebooks).cells
    assert cell.metadata.mystnb.image.alt == "Line chart. It rises from 1 to 3."
    assert cell.outputs[0].metadata["image/png"] == {"width": 7}
    assert "alt" in ran.outputs[0].metadata["image/png"]
