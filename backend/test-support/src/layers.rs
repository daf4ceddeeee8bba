//! Checks that the modules of a crate import in one direction.
//!
//! The order of the layers is a fenced block of a document, with a marker on its first line and then one layer a line, the top
//! first. A module may import modules of lower lines, and of its own line as long as no circle of files arises. Only files in
//! which something is imported count, not what is written in comments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules of each layer, the top layer first, from the block that begins with the line `layers of <of_crate>`.
///
/// # Panics
///
/// When the document has no such block.
pub fn layers_from(document: &str, of_crate: &str) -> Vec<Vec<String>> {
    let marker = format!("layers of {of_crate}");
    let block = document.lines().skip_while(|line| line.trim() != marker).skip(1);
    let layers: Vec<Vec<String>> = block
        .take_while(|line| !line.starts_with("```"))
        .map(|line| {
            line.split(',').map(|module| module.trim().to_owned()).filter(|module| !module.is_empty()).collect()
        })
        .filter(|layer: &Vec<String>| !layer.is_empty())
        .collect();
    assert!(!layers.is_empty(), "no block begins with the line `{marker}`");
    layers
}

/// The source files below `folder`, by their path in it.
pub fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// The files of one module of a crate, as if that module were a crate of its own: paths are those below it, and what its
/// files import from each other, by `super` or by the full path, is below `crate`. Their other imports, and those of their
/// unit tests, are left out.
pub fn within(files: &BTreeMap<PathBuf, String>, module: &str) -> BTreeMap<PathBuf, String> {
    let inner = files.iter().filter_map(|(path, text)| Some((path.strip_prefix(module).ok()?, text)));
    inner.map(|(path, text)| (path.to_owned(), as_of_own_crate(path, text, module))).collect()
}

fn as_of_own_crate(path: &Path, text: &str, module: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let text = text.replace("crate::", "elsewhere::").replace(&format!("elsewhere::{module}::"), "crate::");
    let own = module_path(path);
    let mut code = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("super::") {
        let mut levels = 1;
        rest = after;
        while let Some(after) = rest.strip_prefix("super::") {
            (levels, rest) = (levels + 1, after);
        }
        let parent = own.len().checked_sub(levels).map(|length| own[..length].join("::"));
        code += before;
        code += &match parent {
            Some(parent) if parent.is_empty() => "crate::".to_owned(),
            Some(parent) => format!("crate::{parent}::"),
            None => "elsewhere::".to_owned(),
        };
    }
    code + rest
}

/// Everything that is wrong with the imports of these files, one sentence each; empty when they go one way.
pub fn violations(layers: &[Vec<String>], files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let layer_of = |module: &str| layers.iter().position(|layer| layer.iter().any(|name| name == module));
    let modules: BTreeMap<Vec<String>, &Path> = files.keys().map(|path| (module_path(path), path.as_path())).collect();
    let mut wrong = Vec::new();
    let mut edges: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for (path, text) in files {
        let own = module_path(path);
        let own_module = top_module(&own);
        let Some(own_layer) = layer_of(own_module) else {
            wrong.push(format!("{}: module {own_module} is in no layer", path.display()));
            continue;
        };
        for import in imports(text) {
            let target = import.first().filter(|name| modules.keys().any(|module| module.first() == Some(name)));
            // What is not a module stands in the crate's root.
            let target_module = target.map_or("lib", String::as_str);
            if target_module != own_module {
                match layer_of(target_module) {
                    Some(layer) if layer >= own_layer => {}
                    Some(_) => wrong.push(format!(
                        "{}: {own_module} imports upward, crate::{}",
                        path.display(),
                        import.join("::")
                    )),
                    None => wrong.push(format!("{}: module {target_module} is in no layer", path.display())),
                }
            }
            // The file of the longest prefix that is a module.
            let file = (1..=import.len()).rev().find_map(|length| modules.get(&import[..length]));
            if let Some(file) = file.filter(|file| **file != path.as_path() && target_module != own_module) {
                edges.entry(path).or_default().insert(file);
            }
        }
    }
    wrong
        .extend(circle(&edges).map(|files| format!("these files import each other in a circle: {}", files.join(", "))));
    wrong.dedup();
    wrong
}

/// `http/route.rs` is `["http", "route"]`, `http/mod.rs` is `["http"]`, `lib.rs` is empty.
fn module_path(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        path.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod" || (names.len() == 1 && (name == "lib" || name == "main"))) {
        names.pop();
    }
    names
}

fn top_module(path: &[String]) -> &str {
    path.first().map_or("lib", String::as_str)
}

/// Each path after `crate::` in the code, with groups taken apart: `crate::a::{b, c::D}` is `a::b` and `a::c::D`.
fn imports(text: &str) -> Vec<Vec<String>> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let is_ours = !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$');
        if is_ours {
            collect_paths(&code[at + "crate::".len()..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, or one group of paths after a common prefix, and returns what follows it.
fn collect_paths<'t>(text: &'t str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() || rest.starts_with('}') {
                return rest.get(1..).unwrap_or_default();
            }
            let before = rest.len();
            rest = collect_paths(rest, &mut prefix.clone(), found);
            // `as` and a new name, or anything else that is no path.
            let next = rest.find([',', '}']).unwrap_or(rest.len());
            rest = &rest[next..];
            if rest.len() == before {
                return "";
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    // A macro of the crate is not a module.
    if name.is_empty() || rest.starts_with('!') {
        if !prefix.is_empty() {
            found.push(prefix.clone());
        }
        return rest;
    }
    if name != "self" {
        prefix.push(name.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(rest) => collect_paths(rest, prefix, found),
        None => {
            found.push(prefix.clone());
            rest
        }
    }
}

/// The files of one circle, if there is any.
fn circle(edges: &BTreeMap<&Path, BTreeSet<&Path>>) -> Option<Vec<String>> {
    let mut remaining: BTreeMap<&Path, BTreeSet<&Path>> = edges.clone();
    loop {
        let before = remaining.len();
        // What imports nothing that is left is in no circle.
        let left: BTreeSet<&Path> = remaining.keys().copied().collect();
        remaining.retain(|_, targets| targets.iter().any(|target| left.contains(target)));
        if remaining.len() == before {
            break;
        }
    }
    let files: Vec<String> = remaining.keys().map(|path| path.display().to_string()).collect();
    (!files.is_empty()).then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Layers\n\n```text\nlayers of shop\nlib\nhttp, orders\nsettings\n```\n";

    fn check(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        violations(&layers_from(DOCUMENT, "shop"), &files)
    }

    #[test]
    fn imports_that_go_down_are_right() {
        let http = "use crate::orders::Order;\nuse crate::settings::{self, Port as P};\n/// See [`crate::lib`].\n";
        let files = [("http/mod.rs", http), ("http/route.rs", ""), ("orders.rs", "use super::x;"), ("settings.rs", "")];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn an_upward_import_is_found() {
        for text in ["use crate::http::Route;", "fn f() { crate::http::serve() }", "use crate::{http::{self, Route}};"]
        {
            let found = check(&[("http/mod.rs", ""), ("settings.rs", text)]);
            assert!(
                found.iter().any(|line| line.contains("settings.rs: settings imports upward, crate::http")),
                "{found:?}"
            );
        }
        let found = check(&[("lib.rs", ""), ("settings.rs", "use crate::Root;")]);
        assert_eq!(found, ["settings.rs: settings imports upward, crate::Root"]);
    }

    #[test]
    fn a_circle_of_files_in_one_layer_is_found() {
        let found = check(&[("http/mod.rs", "use crate::orders::A;"), ("orders.rs", "use crate::http::B;")]);
        assert_eq!(found, ["these files import each other in a circle: http/mod.rs, orders.rs"]);
    }

    #[test]
    fn within_a_module_the_same_is_found() {
        let nested = |path: &str, text: &str| {
            let files = [("shop/http/mod.rs", ""), ("shop/orders.rs", ""), ("shop/settings.rs", ""), (path, text)];
            let files = files.into_iter().map(|(path, text)| (PathBuf::from(path), text.to_owned())).collect();
            violations(&layers_from(DOCUMENT, "shop"), &within(&files, "shop"))
        };
        let upward = ["use super::http::Route;", "use crate::shop::http::Route;", "fn f() { super::http::serve() }"];
        for text in upward {
            let found = nested("shop/settings.rs", text);
            assert_eq!(
                found,
                ["settings.rs: settings imports upward, crate::http::Route"
                    .replace("Route", if text.contains("serve") { "serve" } else { "Route" })]
            );
        }
        let found = nested("shop/orders/rows.rs", "use super::super::Root;");
        assert_eq!(found, ["orders/rows.rs: orders imports upward, crate::Root"]);
        let downward =
            "use super::settings::Port;\nuse crate::elsewhere::http;\n#[cfg(test)]\nmod tests {\n use super::http; }";
        assert_eq!(nested("shop/orders.rs", downward), [""; 0]);
        assert_eq!(nested("shop/orders/rows.rs", "use super::Order;\nuse crate::shop::settings::Port;"), [""; 0]);
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        assert_eq!(check(&[("extra.rs", "")]), ["extra.rs: module extra is in no layer"]);
    }
}
