"""Tests of `imports`, on small crates that the tests write."""

import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

sys.dont_write_bytecode = True
spec = spec_from_loader("imports", SourceFileLoader("imports", str(Path(__file__).parent / "imports")))
imports = module_from_spec(spec)
spec.loader.exec_module(imports)
LAYERS = {"crates/it/src": [["top"], ["middle"], ["bottom"]]}
# Imports in all forms, each from a lower layer.
GOOD = {
    "main.rs": "mod bottom; mod middle; mod top;\npub use bottom::Thing;\nuse top::run;",
    "top.rs": "//! Not crate::top::x.\nuse crate::{bottom::{self as ground, x::Y}, middle};\nfn f() { crate::Thing::new() }",
    "middle/mod.rs": "mod inner; use super::bottom; const C: char = '\"'; const S: &str = r#\"use crate::top;\"#;",
    "middle/inner.rs": "use super::Outer; fn f() { super::super::bottom::g() }",
    "bottom.rs": "const S: &str = \"crate::top\"; #[cfg(test)]\nmod tests { use crate::top; }",
}


def problems(**changes):
    """The problems in a crate with the files in GOOD, replaced or extended by `changes`."""
    files = GOOD | {name.replace("__", "/") + ".rs": text for name, text in changes.items()}
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = Path(root) / "crates/it/src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(imports.problems(Path(root), LAYERS))


class Imports(unittest.TestCase):
    def test_imports_from_lower_layers_are_allowed(self):
        self.assertEqual(problems(), [])

    def test_a_circular_import_in_any_form_is_found(self):
        for text in [
            "use crate::middle::thing;",
            "use crate::{other, middle::{a, b}};",
            "use super::middle;",
            "fn f() { crate::middle::g() }",
            "fn f() -> super::middle::T {}",
        ]:
            with self.subTest(text):
                self.assertIn("crates/it/src: circular import: bottom → middle → bottom", problems(bottom=text))

    def test_a_circular_import_through_a_child_module_is_found(self):
        found = problems(bottom="use crate::middle;", middle__mod="mod inner;")
        self.assertIn("crates/it/src: circular import: bottom → middle → middle::inner → bottom", found)

    def test_a_circular_import_through_a_reexport_is_found(self):
        found = problems(main="pub use top::Thing;", middle__mod="use crate::Thing;")
        self.assertIn("crates/it/src: circular import: middle → top → middle", found)

    def test_an_import_from_a_higher_layer_is_found(self):
        found = problems(bottom="use crate::top::run;", top="")
        self.assertEqual(found, ["crates/it/src: bottom imports top from a higher layer"])

    def test_the_layers_list_exactly_the_modules_of_the_crate(self):
        self.assertEqual(problems(new=""), ["crates/it/src: new is not listed in a layer"])
        with tempfile.TemporaryDirectory() as root:
            src = Path(root) / "crates/it/src"
            src.mkdir(parents=True)
            (src / "top.rs").write_text("")
            found = list(imports.problems(Path(root), LAYERS))
        missing = [f"crates/it/src: {name} is listed in a layer but does not exist" for name in ["middle", "bottom"]]
        self.assertEqual(found, missing)


if __name__ == "__main__":
    unittest.main()
