//! Where the panels of a V2 dashboard stand: grids, rows and tabs, on the one grid of the classic schema.

use anyhow::bail;
use serde_json::{Value, json};

use super::super::{classic::row_ids, list_of, text_of};
use super::{Element, element, panel};

/// Columns of the grid.
const COLUMNS: u64 = 24;
/// How high the panels of a grid are that sizes them itself, unless it says, and how many stand side by side.
const AUTO_HEIGHT: u64 = 8;
const AUTO_COLUMNS: u64 = 3;

/// The panels in the order of the page.
///
/// # Errors
/// If the layout is of a kind that the schema does not have, or names an element that there is not.
pub(super) fn panels(spec: &Value, before: Option<&Value>, lost: &mut Vec<String>) -> anyhow::Result<Vec<Value>> {
    let mut page = Page { spec, before, panels: Vec::new(), y: 0 };
    page.add(&spec["layout"], lost)?;
    Ok(page.panels)
}

struct Page<'v> {
    spec: &'v Value,
    before: Option<&'v Value>,
    panels: Vec<Value>,
    /// The first line below everything so far.
    y: u64,
}

impl Page<'_> {
    fn add(&mut self, layout: &Value, lost: &mut Vec<String>) -> anyhow::Result<()> {
        let inner = &layout["spec"];
        match text_of(layout, "kind") {
            "GridLayout" => {
                let placed = self.grid(inner, lost)?;
                self.append(placed);
            }
            "AutoGridLayout" => {
                lost.push("a grid that sizes its panels itself: they have fixed places now".to_owned());
                let placed = self.auto_grid(inner, lost)?;
                self.append(placed);
            }
            "RowsLayout" => {
                for row in list_of(inner, "rows") {
                    self.row(&row["spec"], lost)?;
                }
            }
            "TabsLayout" => {
                for tab in list_of(inner, "tabs") {
                    lost.push(format!("the tab {}: it is a row now", tab["spec"]["title"]));
                    self.row(&tab["spec"], lost)?;
                }
            }
            other => bail!(
                "the layout is of the kind {other:?}, expected GridLayout, AutoGridLayout, RowsLayout or TabsLayout"
            ),
        }
        Ok(())
    }

    /// Moves panels that were placed from 0 on below what there is.
    fn append(&mut self, placed: Vec<Value>) {
        let start = self.y;
        for mut panel in placed {
            let below = start + panel["gridPos"]["y"].as_u64().unwrap_or(0);
            panel["gridPos"]["y"] = below.into();
            self.y = self.y.max(below + panel["gridPos"]["h"].as_u64().unwrap_or(0));
            self.panels.push(panel);
        }
    }

    fn row(&mut self, row: &Value, lost: &mut Vec<String>) -> anyhow::Result<()> {
        let title = text_of(row, "title");
        for (key, what) in
            [("conditionalRendering", "its condition"), ("variables", "its variables"), ("fillScreen", "its height")]
        {
            if !row[key].is_null() && row[key] != json!(false) && row[key] != json!([]) {
                lost.push(format!("the row {title:?}: {what}"));
            }
        }
        // A row without a heading is what stands above the first one.
        if row["hideHeader"] != true {
            let known = self.before.map(row_ids).unwrap_or_default();
            let mut heading = json!({
                "id": known.get(title), "type": "row", "title": title, "collapsed": row["collapse"] == true,
                "gridPos": {"x": 0, "y": self.y, "w": COLUMNS, "h": 1}, "panels": [],
            });
            if !row["repeat"].is_null() {
                heading["repeat"] = row["repeat"]["value"].clone();
            }
            self.y += 1;
            let index = self.panels.len();
            self.panels.push(heading);
            self.add(&row["layout"], lost)?;
            if row["collapse"] == true {
                // The classic schema has the panels of a folded row within it.
                let inner = self.panels.split_off(index + 1);
                self.panels[index]["panels"] = inner.into();
            }
            return Ok(());
        }
        self.add(&row["layout"], lost)
    }

    /// Panels in the grid's own order, top to bottom and left to right.
    fn grid(&self, grid: &Value, lost: &mut Vec<String>) -> anyhow::Result<Vec<Value>> {
        let mut placed = Vec::new();
        for item in list_of(grid, "items") {
            let spec = &item["spec"];
            // Before v2beta1 a grid had its rows within it, whose panels are placed as the grid's are.
            if text_of(item, "kind") == "GridLayoutRow" {
                let position = json!({"x": 0, "y": spec["y"], "w": COLUMNS, "h": 1});
                let known = self.before.map(row_ids).unwrap_or_default();
                placed.push(json!({
                    "id": known.get(text_of(spec, "title")), "type": "row", "title": spec["title"],
                    "collapsed": spec["collapsed"] == true, "gridPos": position, "panels": [],
                }));
                let below = spec["y"].as_u64().unwrap_or(0) + 1;
                for mut inner in self.grid(&json!({ "items": spec["elements"] }), lost)? {
                    inner["gridPos"]["y"] = (below + inner["gridPos"]["y"].as_u64().unwrap_or(0)).into();
                    placed.push(inner);
                }
                continue;
            }
            let position = json!({"x": spec["x"], "y": spec["y"], "w": spec["width"], "h": spec["height"]});
            placed.extend(self.element(spec, position, lost)?);
        }
        placed.sort_by_key(|panel| (panel["gridPos"]["y"].as_u64(), panel["gridPos"]["x"].as_u64()));
        Ok(placed)
    }

    fn auto_grid(&self, grid: &Value, lost: &mut Vec<String>) -> anyhow::Result<Vec<Value>> {
        let columns = grid["maxColumnCount"].as_u64().unwrap_or(AUTO_COLUMNS).clamp(1, COLUMNS);
        let width = COLUMNS / columns;
        let mut placed = Vec::new();
        for (index, item) in (0..).zip(list_of(grid, "items")) {
            let (x, y) = (index % columns * width, index / columns * AUTO_HEIGHT);
            let position = json!({"x": x, "y": y, "w": width, "h": AUTO_HEIGHT});
            if !item["spec"]["conditionalRendering"].is_null() {
                lost.push(format!("the condition of {}", item["spec"]["element"]["name"]));
            }
            placed.extend(self.element(&item["spec"], position, lost)?);
        }
        Ok(placed)
    }

    /// The panel of a place; none for one that is not in the export.
    fn element(&self, item: &Value, position: Value, lost: &mut Vec<String>) -> anyhow::Result<Option<Value>> {
        let mut placed = match element(self.spec, text_of(&item["element"], "name"))? {
            Element::Panel(spec) => panel(spec, lost),
            Element::Library(spec) => {
                let name = &spec["libraryPanel"]["name"];
                lost.push(format!(
                    "panel {} {}: the library panel {name} is in Grafana's database only; unlink it there",
                    spec["id"], spec["title"]
                ));
                return Ok(None);
            }
        };
        placed["gridPos"] = position;
        let repeat = &item["repeat"];
        if !repeat.is_null() {
            placed["repeat"] = repeat["value"].clone();
            for (from, to) in [("direction", "repeatDirection"), ("maxPerRow", "maxPerRow")] {
                super::copy(&repeat[from], &mut placed, to);
            }
        }
        Ok(Some(placed))
    }
}
