"""Small pages as common software writes them: what must be in the text and what must not."""

from __future__ import annotations

import pytest

from pipelines.extract import extract

LONG = "The river rose by two metres in a night, and nobody in the lower town had been told of it before morning. "
BLOG = f"""<html><head><title>High &amp; dry</title><style>p {{}}</style></head><body class="has-sidebar comments-open">
<a class="skip-link" href="#c">Skip to content</a><header class="site-header"><nav><ul><li><a href=/>Home</a></ul></nav>
</header><main><article class="post type-post category-social tag-related hentry"><header class="entry-header">
<h1 class="entry-title">High and dry</h1><div class="entry-meta">Posted on <time>May 1</time> by <a href=x>Bob</a></div>
</header><div class="entry-content"><p>{LONG}{LONG}<p>See <a href=x>our map</a> before you go. {LONG}
<h2>What helped<span class="sr-only"> anchor</span></h2><ul><li>Sand bags<li>Boats<ul><li>Rowing boats</ul></ul>
<blockquote>Never again.</blockquote><h2>What did not</h2><p>{LONG}</p><h3>Related</h3><ul><li>
<a href=x>Dry wells</a></ul>
<div class="sharedaddy">Share this on a network of your choice, please.</div></div></article>
<div id="comments" class="comments-area"><h2>2 comments</h2><ol><li>
<p>I was there and saw the boats, too.</p></ol></div>
</main><aside id="secondary" class="widget-area"><h2>Recent Posts</h2><p>Old news of the town, told again.</p></aside>
<div class="cookie-banner"><p>We use cookies, as everyone does, and you may say no.</p></div>
<footer>All rights reserved</footer></body></html>"""
FORUM = f"""<body><div id="nav-main">Forum index</div><div class="page-body"><h2>Chain skips</h2>
<div class="post"><dl class="postprofile"><dt>Rider</dt><dd>Posts: 84</dd></dl>
<div class="content">First post. {LONG}</div></div>
<div class="post"><dl class="postprofile"><dt>Wheel</dt><dd>Posts: 9</dd></dl>
<div class="content">Second post. {LONG}</div></div>
<div class="post"><div class="content">Thanks, that was it!<div class="signature">Ride on, my friends.</div></div></div>
</div><div id="page-footer">Powered by boards</div></body>"""
DOCS = """<body><div class="sphinxsidebar"><h3>Contents</h3><ul><li><a href=x>Install</a></ul></div>
<div class="body" role="main">
<section id="navigation"><h1>Navigation</h1><p>Call 
<code>open</code> with a path, and close it when you are done with it.</p>
<p>See also: <a href=1>open_for_reading()</a>, <a href=2>open_for_writing()</a>, <a href=3>open_at_the_end()</a></p>
<div class="code-block-caption"><span class="caption-text">read/file.py</span></div>
<pre>
with open(path) as file:
    for line in file:
        print(line)
</pre><table><tr><th>flag</th><th>says</th></tr><tr><td>Copyright</td><td>free</td></tr>
<tr><td>r</td><td>read only</td></tr></table>
<dl><dt>path</dt><dd>Where the file lies, from the root on.</dd></dl></section></div></body>"""
SHOP = f"""<body><header><a href=/>Shop</a></header><form id="all"><div class="product-page"><h1>Enamel kettle</h1>
<p class="price">£34.00</p><div class="product-description"><p>{LONG}</p><ul><li>Holds 1.2 litres.
<li>For any hob.</ul></div>
<button>Add to basket</button></div><div class="related-products"><h2>You may also like</h2><ul><li>
<a href=x>A steel pan</a>
<li><a href=x>A tin mug</a></ul></div></form><footer><p>Delivery in two days.</p></footer></body>"""
LISTING = """<body><nav><a href=/>Home</a></nav><div class="list"><h1>Workshops</h1>
<div class="card"><h2><a href=1>Weaving for all</a></h2><p>Two days at the loom, and you take your cloth home.</p></div>
<div class="card"><h2><a href=2>Cheese at home</a></h2>
<p>From milk to rind in an afternoon, with bread and wine.</p></div>
</div><footer>Imprint</footer></body>"""
JAPANESE = """<body><div class="gnavi menu"><a href=/>ホーム</a></div><div id="main"><h1>川の水位</h1>
<p>昨夜、川の水位が二メートル上がりました。下町の住民は朝まで知らされていませんでした。市は調査を始めています。</p>
<p>専門家は、上流のダムの放流が原因だと話しています。次の雨までに対策が必要です。</p></div>
<div class="side-related"><a href=x>関連ニュース一覧</a></div></body>"""
BUILDER = "<body><nav><a href=/>Home</a></nav>" + "".join(
    f"<section class='builder-section'><div class='builder-widget widget-text'><h2>Step {n}</h2><p>{LONG * 2}</p></div>"
    f"<div class='builder-widget promo-box'><p>Part {n}: {LONG}</p></div></section>" for n in range(1, 9)
)  # fmt: skip
INDEX = "<body><div id='top'><h1>Manual</h1></div><table><tr>" + "".join(
    f"<td><div class='category'><h2>Shelf {n}</h2><ul><li><a href=x>Entry {n} of the manual</a><li><a href=y>"
    f"Second entry {n}</a></ul></div></td>" for n in range(8)
)  # fmt: skip
DISCUSSION = f"<body><div class='side'><p>Rules: {LONG}</p></div><div role='main'><h1>Wet wall</h1>" + "".join(
    f"<div class='comment'><form><p>Reply {n}. {LONG}{LONG}</p></form></div>" for n in range(9)
)  # fmt: skip
API = f"""<body><div role="main"><h1>module</h1><p>{LONG}</p><dl class="function">
<dt class="sig sig-object">open(path)</dt><dd><p>{LONG}</p></dd></dl></div>
<p>© 2001 the authors of the module</p></body>"""
CARDS = "<h2>Our pages</h2>" + "".join(
    f"<div class='box'><h3><a href={n}>Town {n} drained</a></h3><p>The mayor of town {n} said so, at noon.</p></div>"
    for n in range(3)
)  # fmt: skip
NEWS = f"""<body><main><h1>Flood</h1><p>{LONG * 6}</p>
<p>Lea también: <a href=x>El río creció dos metros en una sola noche de mayo</a></p>
<div class="post-author-box"><p>Ann writes of rivers, and has done so for years.</p></div>
<p>Comments: none so far.</p><p>The lower town dries.</p>{CARDS}
<div class="teaser"><p>Dams upstream, and who mends them.</p></div>
</main><p>Copyright 2001, the paper of the town, all of it.</p></body>"""
GATEWAY = f"<body><main><h1>Towns</h1><p>{LONG}</p>{CARDS}</main></body>"
BOARD = f"""<body><main><div class="crumbs">Board</div>{DISCUSSION.partition("</h1>")[2]}</main>
<aside><h2>Offers</h2><ul><li>Trace your line: {LONG * 4}<li>Film it: {LONG * 4}</ul></aside></body>"""
ANCHORS = f"<body><main><h1>Guide</h1><section><h2><a href='#z'>First</a></h2><p>{LONG * 6}</p></section>" + "".join(
    f"<section><h2><a href='#s{n}'>Step {n}</a></h2><p>Turn it {n} times, then wait.</p></section>" for n in range(3)
)  # fmt: skip
PAGES = {
    "blog": (BLOG, ["the river rose", "our map before", "What helped", "- Boats", "  - Rowing boats", "Never again."],
             ["Home", "May 1", "anchor", "Related", "Dry wells", "network", "I was there", "Recent", "cookies",
             "rights"]),
    "forum": (FORUM, ["Chain skips", "First post.", "Second post.", "Thanks, that was it!"],
              ["Forum index", "Posts: 84", "Ride on", "Powered"]),
    "docs": (DOCS, ["Navigation", "with open(path) as file:\n    for line in file:\n        print(line)", "flag | says",
                    "Copyright | free", "r | read only", "Where the file lies", "See also: open_for", "read/file.py"],
             ["Contents", "Install"]),
    "shop": (SHOP, ["Enamel kettle", "the river rose", "- Holds 1.2 litres."],
             ["Add to basket", "also like", "tin mug", "Delivery"]),
    "listing": (LISTING, ["Weaving for all", "Two days at the loom", "Cheese at home", "From milk"], ["Home",
             "Imprint"]),
    "builder": (BUILDER, ["Step 1", "Step 8", "Part 1: ", "Part 8: "], ["Home"]),
    "index": (INDEX, ["Shelf 0", "Second entry 7"], []),
    "discussion": (DISCUSSION, ["Reply 0.", "Reply 8."], ["Rules"]),
    "api": (API, ["open(path)"], ["authors"]),
    "news": (NEWS, ["Flood", "the river rose", "town dries"],
             ["Lea también", "Ann writes", "Our pages", "drained", "mayor", "Dams", "2001"]),
    "gateway": (GATEWAY, ["Towns", "Town 0 drained", "The mayor of town 2"], []),
    "board": (BOARD, ["Reply 0.", "Reply 8."], ["Offers", "Trace"]),
    "anchors": (ANCHORS, ["Step 0", "Turn it 2 times", "First"], []),
    "japanese": (JAPANESE, ["昨夜、川の水位が", "次の雨まで"], ["ホーム", "関連"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_the_text_of_a_page_is_kept_and_the_rest_is_not(name: str) -> None:
    page, wanted, unwanted = PAGES[name]
    text, _ = extract(page.encode(), "utf-8", None, "gopher")
    assert [snippet for snippet in wanted if snippet.lower() not in text.lower()] == []
    assert [snippet for snippet in unwanted if snippet in text] == []


def test_title_and_layout() -> None:
    text, title = extract(BLOG.encode(), "utf-8", None, "gopher")
    assert title == "High & dry"
    assert "What helped\n\n- Sand bags\n- Boats\n  - Rowing boats\n\nNever again.\n\nWhat did not\n\n" in text


def test_a_part_that_its_class_speaks_against_is_kept_where_it_is_most_of_the_page() -> None:
    page = f"<div class='sidebar popup'><p>{LONG}</p><p>{LONG}</p></div><p>Short.</p>"
    assert extract(page.encode(), "utf-8", None, "gopher")[0].count(LONG.strip()) == 2


def test_hidden_text_is_out_and_a_paragraph_ends_where_a_block_begins() -> None:
    unseen = "<p hidden>secret</p><template>secret</template>"
    page = f"<p>{LONG}<div>{LONG}<span style='display:none'>secret</span></div>{unseen}"
    assert extract(page.encode(), "utf-8", None, "gopher")[0] == f"{LONG.strip()}\n\n{LONG.strip()}"


@pytest.mark.parametrize(
    "opened",
    [
        "<svg viewbox='0 0 1 1'><title/><path d=''/></svg>",
        "<button type=button>Search<button type=submit>Go</button>",
        "<button>Search",
        "<select><option>Town",
        "<svg><path>",
        "<video><object>",
    ],
)
def test_what_hides_all_in_it_hides_no_page_where_its_end_is_missing(opened: str) -> None:
    page = f"<body><div><div>{opened}</div></div><article><p>{LONG}</p><p>{LONG}</p></article>"
    assert extract(page.encode(), "utf-8", None, "gopher")[0].count(LONG.strip()) == 2


def test_text_for_browsers_without_scripts_or_for_search_engines_is_the_last_resort() -> None:
    page = f"<div id=app></div><noscript><p>{LONG * 3}</p></noscript>"
    assert extract(page.encode(), "utf-8", None, "gopher")[0] == (LONG * 3).strip()
    page = f'<div id=app>x</div><script type="application/ld+json">{{"articleBody": "{LONG * 3}"}}</script>'
    assert extract(page.encode(), "utf-8", None, "gopher")[0] == (LONG * 3).strip()


def test_a_text_that_is_hidden_as_a_whole_is_read_and_a_hidden_dialogue_is_not() -> None:
    page = f"<body style='display: none'><article><p>{LONG * 12}</p></article></body>"
    assert extract(page.encode(), "utf-8", None, "gopher")[0] == (LONG * 12).strip()
    page = f"<p>{LONG}</p><div aria-hidden=true><p>{LONG * 5}</p></div>"
    assert extract(page.encode(), "utf-8", None, "gopher")[0] == LONG.strip()
