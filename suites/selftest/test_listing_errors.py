"""What is wrong with a layer listing is said on one line, with the number of the line."""

from __future__ import annotations

import pytest

from dirmeta.model import listing
from dirmeta.model.entries import Entry
from dirmeta.model.listing import ListingError
from dirmeta.model.stack import Case, Layer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no layer; a listing begins like"),
        ("# nothing", "line 1: no layer"),
        ("usr/", "line 1: usr/ is in no layer"),
        ("\nlayer 2 a", "line 2: layer 2 is out of turn; layer 1 is next"),
        ("layer 1 a\nlayer 3 b", "line 2: layer 3 is out of turn; layer 2 is next"),
        ("layer 1 a\nlayer 2 b\nlayer 1 c", "line 3: layer 1 is out of turn"),
        ("layer", "line 1: the layer's number is missing"),
        ("layer one a", "line 1: layer one is out of turn"),
        ("layer 1 (empty) a", "line 1: (empty) stands alone"),
        ("layer 1 a\n(empty)", "line 2: (empty) stands alone"),
        ("layer 1 (empty)\na", "line 2: a follows (empty)"),
        ("(empty)\nlayer 1", "line 2: layer 1 is out of turn"),
        ("layer 1 a 0888", "line 1: '0888' is no mode, owner, time, kind or attribute"),
        ("layer 1 a b", "line 1: 'b' is no mode"),
        ("layer 1 a 77777", "line 1: entry 'a': mode 77777"),
        ("layer 1 a 0644 0755", "line 1: mode is given twice for 'a'"),
        ("layer 1 a fifo -> b", "line 1: kind is given twice for 'a'"),
        ("layer 1 a ->", "line 1: the target of a symlink is missing"),
        ("layer 1 a char 1", "line 1: '1' is no device number"),
        ("layer 1 a 2001-02-30 00:00:00", "line 1: day is out of range"),
        ("layer 1 a 2001-02-03", "line 1: a time of day like 00:00:00 is missing"),
        ("layer 1 a 2001-02-03 noon", "line 1: 'noon' is no time of day"),
        ("layer 1 a @now", "line 1: 'now' is no time in seconds"),
        ("layer 1 a @" + "1" * 5000, "line 1: Exceeds the limit"),
        ("layer 1 a xattr user.a", "line 1: 'user.a' is not an xattr like"),
        ('layer 1 a xattr u="1" xattr u="2"', "line 1: xattr 'u' is given twice for 'a'"),
        ("layer 1 a acl rwx", "line 1: 'rwx' is not an ACL line"),
        ("layer 1 a acl u:4294967296:rwx", "line 1: 'u:4294967296:rwx' has an id over 32 bits"),
        ("layer 1 a 0777 acl u::rw-,g::r--,o::r--", "line 1: entry 'a': mode 777 contradicts"),
        ("layer 1 a/ content x", "line 1: entry 'a/': a directory has no content"),
        ("layer 1 a whiteout", "line 1: entry 'a': a whiteout is named .wh."),
        ('layer 1 "a', "line 1: '\"a' has an open quote"),
        ("layer 1 a\\b", r"line 1: '\\b' has an open quote, or a backslash outside quotes"),
        ('layer 1 a"b"', "line 1: 'a\"b\"' is quoted in part"),
        ('layer 1 "\\q"', "line 1: \\q is no escape"),
        ('layer 1 "\\x00"', "line 1: entry '\\x00': a name holds a NUL"),
        ("setup umask=9\nlayer 1", "line 1: '9' is not octal"),
        ("setup colour=red", "line 1: 'colour' is no setting; there are namespace,"),
        ("setup upper=yes", "line 1: 'yes' is not on or off"),
        ("setup tar=zip", "line 1: 'zip' is not pax or gnu or ustar"),
        ("setup tar=pax tar=gnu", "line 1: tar is given twice"),
        ("setup user", "line 1: 'user' is not a setting like namespace=user"),
        ("setup option", "line 1: a mount option is missing"),
        ("setup\nsetup", "line 2: there is a setup line already"),
        ("layer 1\nthen", "line 2: an operation is missing"),
        ("layer 1\nthen chmod a b", "line 2: 'b' is not an argument like"),
        ("layer 1\nthen chmod a as root", "line 2: 'root' is no user like"),
        ("layer 1\nthen chmod a as 1:1 mode=7", "line 2: 'mode=7' follows the operation"),
    ],
)
def test_errors_name_the_line_and_stay_on_one(text: str, message: str) -> None:
    with pytest.raises(ListingError) as caught:
        listing.parse(text)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


def test_name_that_stands_for_no_bytes_is_not_rendered() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        listing.render(Case((Layer((Entry("\ud800", "file"),)),)))
