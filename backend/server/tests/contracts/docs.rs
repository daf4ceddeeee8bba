//! The pages for readers name only what exists: files, settings, metrics, links. And each dependency has its reason.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Metrics that the integration guide adds as an example.
const EXAMPLES: &[&str] = &["belfry_downloads_total"];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry")).args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Name and text of each page.
fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(project().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    assert!(names.len() > 6, "{names:?}");
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// The words of a text made of these characters.
fn words(text: &str, belongs: impl Fn(char) -> bool) -> BTreeSet<&str> {
    text.split(|c| !belongs(c)).filter(|word| !word.is_empty()).collect()
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (page, text) in pages() {
        let folder = project().join(&page).parent().unwrap().to_owned();
        for rest in text.match_indices("](").map(|(at, _)| &text[at + 2..]) {
            let Some((target, _)) = rest.split_once(')') else { continue };
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { project().join(&page) } else { folder.join(file) };
            assert!(path.exists(), "{page} links to {target}");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&path).unwrap();
                let found = text
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line.trim_start_matches(['#', ' '])) == heading);
                assert!(found, "{page} links to {target}, which has no such heading");
            }
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} links were found");
}

#[test]
fn every_setting_exists() {
    let settings = printed(&["config"]);
    let known: BTreeSet<&str> =
        settings.lines().filter_map(|line| line.strip_prefix('#')?.split_once('=')).map(|(name, _)| name).collect();
    for (page, text) in pages() {
        for word in words(&text, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || "_*".contains(c)) {
            let Some((section, key)) = word.split_once("__").filter(|(section, _)| !section.is_empty()) else {
                continue;
            };
            let exists = match key {
                "*" => known.iter().any(|known| known.starts_with(&format!("{section}__"))),
                "KEY" => true,
                _ => known.contains(word) || word.strip_suffix("_FILE").is_some_and(|word| known.contains(word)),
            };
            assert!(exists, "{page} names {word}, which is no setting");
        }
    }
}

#[test]
fn every_metric_exists() {
    let rows: Vec<serde_json::Value> = serde_json::from_str(&printed(&["metrics", "--json"])).unwrap();
    let known: BTreeSet<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let families: BTreeSet<&str> = known.iter().map(|name| name.split('_').next().unwrap()).collect();
    let mut seen = 0;
    for (page, text) in pages() {
        for word in words(&text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':') {
            let name =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
            let is_ours = families.contains(name.split('_').next().unwrap());
            let is_metric = ["_total", "_seconds", "_bytes"].iter().any(|unit| name.ends_with(unit));
            if is_ours && is_metric && !EXAMPLES.contains(&name) {
                assert!(known.contains(name), "{page} names {word}, which is no metric");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} metrics were found");
}

#[test]
fn every_file_exists() {
    let mut all = Vec::new();
    collect(&project().join("backend"), &mut all);
    let mut seen = 0;
    for (page, text) in pages() {
        for word in words(&text, |c| c.is_ascii_alphanumeric() || "_-./".contains(c)) {
            let word = word.trim_end_matches('.');
            if !word.ends_with(".rs") || word.starts_with('.') || word.starts_with("//") {
                continue;
            }
            let exists = all.iter().any(|path| path.ends_with(word));
            assert!(exists, "{page} names {word}, which is no file");
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} files were found");
}

#[test]
fn every_route_is_in_the_overview() {
    let routes: Vec<serde_json::Value> = serde_json::from_str(&printed(&["routes"])).unwrap();
    let page = read("docs/info.md");
    // The paths of each row, without methods.
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.split('`').filter_map(|word| word.rsplit(' ').next()).filter(|word| word.starts_with('/')).collect()
        })
        .collect();
    // A row may go on with the end of a path: `/api/v1/runs`, `/{id}`.
    let has = |row: &Vec<&str>, path: &str| {
        let continues = |end: &&str| {
            path.strip_suffix(*end)
                .is_some_and(|base| row.iter().any(|other| !base.is_empty() && other.starts_with(base)))
        };
        row.contains(&path) || row.iter().any(continues)
    };
    let mut seen = 0;
    for route in &routes {
        let path = route["path"].as_str().unwrap();
        // The pages of the viewer are one row, with the paths that people type, and one for all of their queries.
        if path.contains("{*")
            || (route["browser"] == true && !path.starts_with("/api/"))
            || path.starts_with("/viewer/")
        {
            continue;
        }
        assert!(rows.iter().any(|row| has(row, path)), "docs/info.md has no row for {path}");
        seen += 1;
    }
    assert!(seen > 25, "only {seen} routes were found");
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, into) } else { into.push(path) }
    }
}

#[test]
fn every_dependency_and_every_image_says_why_it_is_here() {
    let page = read("docs/architecture.md");
    let (_, section) = page.split_once("\n## Dependencies\n").unwrap();
    let reasons: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" | "))
        .filter(|(_, reason)| reason.trim_end_matches(['|', ' ']).len() > 5)
        .flat_map(|(names, _)| names.split(['`', ',', ' ']))
        .filter(|name| !name.is_empty())
        .collect();

    let mut wanted = BTreeSet::new();
    for file in [
        "Cargo.toml",
        "backend/telemetry/Cargo.toml",
        "backend/learning/Cargo.toml",
        "backend/ledger/Cargo.toml",
        "backend/server/Cargo.toml",
        "backend/test-support/Cargo.toml",
    ] {
        let text = read(file);
        let mut in_dependencies = false;
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            } else if let Some(name) =
                line.split(['.', ' ', '=']).next().filter(|name| in_dependencies && !name.is_empty())
            {
                wanted.insert(name.to_owned());
            }
        }
    }
    assert!(wanted.len() > 40, "{wanted:?}");
    for file in ["docker-compose.yml", "docker-compose.dev.yml", "backend/Dockerfile"] {
        for line in read(file).lines() {
            let image = line.trim().strip_prefix("image: ").or(line.strip_prefix("FROM "));
            let Some((name, _)) = image.and_then(|image| image.split_once(':')) else { continue };
            if !name.starts_with("belfry-") && !name.starts_with('$') {
                wanted.insert(name.to_owned());
            }
        }
    }
    wanted.retain(|name| !name.starts_with("belfry-"));
    let silent: Vec<_> = wanted.iter().filter(|name| !reasons.contains(name.as_str())).collect();
    assert!(silent.is_empty(), "docs/architecture.md, Dependencies, has no reason for {silent:?}");
    let gone: Vec<_> = reasons.iter().filter(|name| !wanted.contains(**name)).collect();
    assert!(gone.is_empty(), "docs/architecture.md, Dependencies, names {gone:?}, which are not used any more");
}
