"""Names that mean something in markup: tags with what they do, attributes that are read, and words of class names.

A name is found by FNV-1a over its bytes in lower case, and then compared itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# What a tag does. Names that are in none of these lists are inline and leave no trace.
BLOCK, VOID, RAW, SKIP, CELL, HEADING = 1, 2, 4, 8, 16, 32
_TAGS = {
    BLOCK: """address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer
        form h1 h2 h3 h4 h5 h6 header hgroup legend li listing main menu nav ol p pre search section summary
        table tbody tfoot thead tr ul custom""",
    BLOCK | CELL: "td th caption",
    BLOCK | VOID: "hr",
    VOID: "br area base basefont bgsound col embed frame img input keygen link meta param source track wbr",
    RAW: "script style title iframe noembed noframes textarea noscript xmp",
    SKIP: "annotation applet audio canvas datalist map object rp rt select svg template video",
    SKIP | BLOCK: "button",
    0: "a body html head inline",
}
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
TAGS = {name: number for number, name in enumerate(sorted(" ".join(_TAGS.values()).split()), 1)}
DOES = {name: flags | HEADING * (name in _HEADINGS) for flags, names in _TAGS.items() for name in names.split()}
TABULAR = ("table", "tbody", "tfoot", "thead", "tr")
CUSTOM = TAGS["custom"]

# What is known of an element from its attributes. KILL and COMMENT stand for parts that are not the page's matter,
# META for lines about it, CONTENT and STRONG for the matter itself.
HIDDEN, KILL, COMMENT, META, CONTENT, STRONG, LINK, MAIN = (1 << n for n in range(8))
TEASER = 1 << 12  # the beginning of another page
CANCEL = 1 << 8  # of words only: makes a name mean nothing
ALONE = 1 << 9  # of words only: means something only as a whole class name
EMPTY = 1 << 10  # of tags only: ends in "/>"
FRAGMENT = 1 << 11  # of links only: leads to a place in a page

CLASS, ROLE, ITEMPROP, HIDES, ARIA_HIDDEN, STYLE, HREF, ID = range(1, 9)
ATTRIBUTES = {
    "class": CLASS,
    "id": ID,
    "role": ROLE,
    "itemprop": ITEMPROP,
    "hidden": HIDES,
    "aria-hidden": ARIA_HIDDEN,
    "style": STYLE,
    "href": HREF,
}
_ROLES = {
    KILL: """navigation contentinfo complementary search dialog alertdialog menu menubar toolbar tablist banner alert
        tooltip""",
    MAIN: "main",
    CONTENT: "article",
}
_PROPERTIES = {
    STRONG: "articlebody reviewbody",
    CONTENT: "description text recipeinstructions",
    COMMENT: "comment",
    META: "author datepublished datemodified publisher keywords interactionstatistic",
    KILL: "breadcrumb",
}
_WORDS = {
    KILL: """nav navbar navi navheader navfooter navlist navigationbar navbuttons navigation navmenu topnav
        mainnav sidenav subnav leftnav rightnav navbox navlinks menu menus
        menubar submenu mainmenu topmenu megamenu hamburger dropdown breadcrumb breadcrumbs crumb crumbs
        pagination pager
        paging paginator paginate skiplink skiplinks sitemap toc tableofcontents sphinxsidebar
        footer footers colophon copyright
        sidebar sidebars sidecolumn sidebox rail rightrail leftrail rightcol leftcol rightcolumn leftcolumn rightbar
        leftbar widget-area widgets gadget complementary
        share sharing shares sharebar sharebox sharebuttons sharethis shariff social socials socialmedia sharedaddy
        addthis addtoany a2a heateor ssba facebook twitter whatsapp pinterest telegram follow followus sns
        related relateds relatedposts relatedarticles relatedlinks relatedcontent recommended recommendation
        recommendations recommend outbrain taboola zergnet revcontent readnext
        upnext upsell upsells crosssell crosssells recirc recirculation yarpp crp seealso moreon alsolike youmaylike
        ad ads advert adverts advertisement advertisements advertising adsense adsbygoogle adslot adunit adbox
        adcontainer adwrapper adzone dfp sponsor sponsors sponsored promobox
        cookie cookies cookiebanner cookiebar cookienotice consent gdpr ccpa onetrust cookiebot
        cookielaw modal modals popup popups lightbox tooltip toast snackbar interstitial offcanvas drawer
        newsletter newsletters subscribe subscription signup signin login logon register registration mailchimp mc4wp
        optin donate donation mailinglist userbar searchform searchbox searchbar toolbar printfriendly feedback
        mostviewed mostread mostpopular popularposts recentposts latestposts latestnews recommande flyout disclaimer
        aside asides utility placeholder paywall navleiste fusszeile seitenleiste werbung teilen reklama noprint
        skip-link""",
    HIDDEN: """sr-only visually-hidden visuallyhidden element-invisible screen-reader-text screenreader headerlink
        editsection anchorjs-link""",
    KILL | ALONE: "hidden hide links anzeige secondary gutter widget",
    COMMENT: """comment comments commentlist commentarea commentform commentbox respond disqus livefyre pingback
        pingbacks trackback trackbacks discourse fbcomments kommentare kommentar comentarios commentaires responses
        remark42 utterances giscus""",
    META: """byline bylines author authors dateline timestamp pubdate postmeta entrymeta meta metadata tag tags taglist
        tagcloud hashtags category categories catlinks taxonomy posted postedby avatar bio authorbio authorbox
        authorinfo printfooter jumpto permalink readingtime viewcount
        legend caption captions credit credits imagecaption photocredit bildunterschrift bildquelle
        votes vote likes publishdate infoline prevnext backlink backtotop readmore buttons actions tools
        userinfo postprofile username usertitle posthead postinfo profile""",
    META | ALONE: "date dates source previous next time rating ratings signature",
    TEASER: "teaser teasers",
    CONTENT: """content contents article articles post posts entry story body text main markdown prose richtext rte
        wysiwyg description articlebody articlecontent articletext postbody postcontent posttext entrycontent
        entrybody maincontent contentmain bodytext storybody storytext storycontent blog hentry message messages answer
        question section lede copy document documentwrapper rst topic thread cooked inhalt contenido contenu conteudo
        contenuto recipe product page paragraph detail details summary abstract transcript""",
    CANCEL: "has with no without is not open closed enabled disabled active js hover item-page below above code",
}


# Headings after which nothing is the page's own text: as the whole heading, or as its first words.
WHOLE, FIRST = 1, 2
_TAILS = {
    WHOLE: """related|tags|categories|comments|comment|share|share this|share on|follow us|newsletter|trending
        advertisement|sponsored|recommended|more news|most read
        most popular|read next|up next|top stories|see more|keep reading|trending now|in this series|filed under
        subscribe|stay connected|stay informed|quick links|recent posts|blogroll
        sitemap|related topics|related links|related content|related articles|related posts|related stories
        ähnliche artikel|ähnliche beiträge|kommentare|weitere artikel|weitere themen|mehr zum thema|schlagwörter|teilen
        das könnte sie auch interessieren|verwandte artikel|neueste beiträge|kategorien|archiv
        commentaires|articles similaires|sur le même sujet|partager|catégories|articles récents
        comentarios|artículos relacionados|noticias relacionadas|compartir|categorías|etiquetas
        comentários|notícias relacionadas|compartilhe|articoli correlati|commenti
        condividi|gerelateerde artikelen|reacties|komentarze
        podobne artykuły|похожие статьи
        комментарии|поделиться|теги|σχετικά άρθρα|σχόλια|関連記事|おすすめ記事
        コメント|相关文章|相关阅读|相关新闻|推荐阅读|评论|相關文章|相關新聞|延伸閱讀|관련 기사
        관련기사|댓글|مواضيع ذات صلة|اقرأ أيضا
        اقرأ أيضاً|التعليقات|אולי יעניין אותך|תגובות|ilgili haberler|yorumlar|benzer yazılar
        bình luận|บทความที่เกี่ยวข้อง""",
    FIRST: """related posts|related articles|related stories|related news|related content
        related products|related reading
        you may also|you might also|you may like|you might like|more from|more in|more stories|more on this
        recommended for|recommended reading|leave a reply|leave a comment|leave a response|post a comment|add a comment
        join the conversation|join the discussion|about the author|about author|sign up for|subscribe to|recent posts
        recent comments|latest posts|latest news|latest articles|latest stories|popular posts|popular articles
        most viewed|also on|also read|read also|read more|share this|follow us|get our newsletter|customers also
        customers who|people also|similar products|similar posts|similar articles|trending on|explore more|thoughts on
        lesen sie auch|lies auch|lesetipp|auch interessant|das könnte sie|das könnte dich|passend dazu|weiterlesen
        zum weiterlesen|weitere informationen|weitere beiträge|weitere news|weitere nachrichten|mehr artikel|mehr zu
        neueste artikel|über den autor|über die autorin|zum autor|zur autorin
        à lire aussi|lire aussi|sur le même thème|à propos de l'auteur
        le puede interesar|te puede interesar|lea también|lea además|más noticias|más sobre|sobre el autor
        leggi anche|potrebbe interessarti|sull'autore|leia também|leia mais|veja também|sobre o autor
        czytaj też|czytaj także|zobacz też|zobacz także|o autorze|lees ook|lees verder|meer over
        читайте также|об авторе
        schreibe einen kommentar|hinterlasse einen kommentar|schreib einen kommentar|kommentar hinterlassen
        laisser un commentaire|deja un comentario|deja una respuesta|deixe um comentário|lascia un commento
        dodaj komentarz|geef een reactie|добавить комментарий|コメントを残す|发表评论|發表迴響""",
}


class Table(NamedTuple):
    """Names by hash: `slots` int32 holds a name's number + 1 or 0, `names` uint8 all their bytes, `edges` where each
    begins and ends, `values` int32 what each stands for.
    """

    slots: np.ndarray
    names: np.ndarray
    edges: np.ndarray
    values: np.ndarray


OFFSET, PRIME = 0xCBF29CE484222325, 0x100000001B3


def fnv(name: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = OFFSET
    for byte in name:
        value = (value ^ byte) * PRIME & 0xFFFFFFFFFFFFFFFF
    return value


def slot(value: int, mask: int) -> int:
    """Where the search for a hash begins."""
    return (value ^ value >> 29) & mask


def table(values: dict[bytes, int]) -> Table:
    """A table of at least four slots a name."""
    slots = np.zeros(1 << (4 * len(values)).bit_length(), np.int32)
    mask = len(slots) - 1
    for number, name in enumerate(values, 1):
        at = slot(fnv(name), mask)
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = number
    edges = np.cumsum([0, *map(len, values)], dtype=np.int32)
    names = np.frombuffer(b"".join(values), np.uint8)
    return Table(slots, names, edges, np.array([*values.values()], np.int32))


def _phrases(lists: dict[int, str]) -> dict[bytes, int]:
    """The phrases, and each with a capital at its beginning: beyond ASCII they are looked up as they stand."""
    lines = ((bits, phrase) for bits, text in lists.items() for line in text.split("\n") for phrase in line.split("|"))
    phrases = [(bits, phrase.strip()) for bits, phrase in lines]
    return {
        form.encode().lower(): bits for bits, phrase in phrases for form in (phrase, phrase[0].upper() + phrase[1:])
    }


def _meanings(lists: dict[int, str]) -> dict[str, int]:
    return {name: bits for bits, names in lists.items() for name in names.split()}


WORDS = _meanings(_WORDS)
ROLES = _meanings(_ROLES)
PROPERTIES = _meanings(_PROPERTIES)
TAG_TABLE, ATTRIBUTE_TABLE, WORD_TABLE, ROLE_TABLE, PROPERTY_TABLE = (
    table({name.encode(): value for name, value in names.items()})
    for names in (TAGS, ATTRIBUTES, WORDS, ROLES, PROPERTIES)
)
TAIL_TABLE = table(_phrases(_TAILS))
# Of words by their first two letters: a bit per length. Most words of a page are told by it to mean nothing.
WORD_STARTS = np.zeros(1 << 10, np.uint64)
for _name in WORDS:
    WORD_STARTS[(ord(_name[0]) & 31) << 5 | ord(_name[1]) & 31] |= np.uint64(1 << len(_name))
FLAGS = np.array([0, *(DOES[name] for name in sorted(TAGS))], np.uint8)
