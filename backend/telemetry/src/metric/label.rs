//! What a catalogue row may say of a label, and which values a caller may then pass for it.
//!
//! A row names a type for each label: an enum, [`Open`], [`OneOf`] or [`Status`](super::Status). [`ValueOf`] says what may be passed for each,
//! so that a value of another label, or a misspelt one, does not compile.

use strum::VariantNames;

use super::row::Values;

/// A label that takes any text; the metric's series cap bounds it.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::Open};
///
/// catalogue! {
///     /// Parcels sent, by city.
///     counter PARCELS_TOTAL = "shop_parcels_total" { city: Open };
/// }
/// PARCELS_TOTAL.with("Bath").increment(1);
/// ```
pub enum Open {}

/// A label for text that comes from outside, such as a language that a client asks for: one of the words in the row, and
/// anything else is counted as `other`. It is checked at run time: for values that the program itself names, use an enum.
///
/// ```
/// use belfry_telemetry::{catalogue, metric::OneOf};
///
/// catalogue! {
///     /// Greetings given, by language.
///     counter GREETINGS_TOTAL = "greeter_greetings_total" { language: OneOf(&["en", "de"]) };
/// }
/// let series = belfry_telemetry::testing::changed_series(|| GREETINGS_TOTAL.with("fr").increment(1));
/// assert_eq!(series, [r#"greeter_greetings_total{language="other"} 1"#]);
/// ```
pub enum OneOf {}

impl OneOf {
    /// The values of a row's label; [`catalogue!`](crate::catalogue!) is the only caller.
    #[doc(hidden)]
    pub const fn values(words: &'static [&'static str]) -> Values {
        Values::Closed(words)
    }
}

/// What a row may name for a label.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of label",
    note = "a label is an enum that derives `Clone`, `Copy`, `strum::IntoStaticStr` and `strum::VariantNames`, or `Open`, \
            `OneOf(&[..])` or `Status` from `belfry_telemetry::metric`"
)]
pub trait LabelKind {
    /// Whether a value must be looked up in the row's list when it is emitted.
    #[doc(hidden)]
    const IS_CHECKED: bool = false;
}

/// A kind of label that knows its values without a list in the row.
///
/// ```
/// use belfry_telemetry::metric::{ListedKind, NoWords, Open, Status, Values};
///
/// assert_eq!(Open::VALUES, Values::Open);
/// assert_eq!(Status::<NoWords>::VALUES, Values::Status(&[]));
/// ```
pub trait ListedKind: LabelKind {
    /// The values, as the row shows them.
    const VALUES: Values;
}

impl LabelKind for Open {}

impl LabelKind for OneOf {
    const IS_CHECKED: bool = true;
}

impl<E: VariantNames + Copy + Into<&'static str>> LabelKind for E {}

impl ListedKind for Open {
    const VALUES: Values = Values::Open;
}

impl<E: VariantNames + Copy + Into<&'static str>> ListedKind for E {
    const VALUES: Values = Values::Closed(E::VARIANTS);
}

/// What may be passed for a label of the kind `L`: the enum itself; text for [`Open`] and [`OneOf`]; for
/// [`Status`](super::Status) a [`StatusCode`](axum::http::StatusCode), an [`HttpStatus`](super::HttpStatus), or a result of
/// one and a word.
///
/// ```
/// use belfry_telemetry::metric::{Counter, LabelKind, Labels, Open, ValueOf, ValuesOf};
///
/// /// Counts in any metric with one label.
/// fn count<L: LabelKind>(metric: &Counter<(L,)>, value: impl ValueOf<L>) {
///     metric.with(value).increment(1);
/// }
/// /// Counts in any metric.
/// fn count_any<L: Labels>(metric: &Counter<L>, values: impl ValuesOf<L>) {
///     metric.with(values).increment(1);
/// }
///
/// belfry_telemetry::catalogue! {
///     /// Parcels sent, by city.
///     counter PARCELS_TOTAL = "shop_parcels_total" { city: Open };
/// }
/// count(&PARCELS_TOTAL, "Bath");
/// count_any(&PARCELS_TOTAL, "Ely");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value of the label `{L}`",
    label = "the catalogue's row names `{L}` here"
)]
pub trait ValueOf<L> {
    /// The value as the page shows it.
    fn text(&self) -> &str;
}

impl<E: VariantNames + Copy + Into<&'static str>> ValueOf<E> for E {
    fn text(&self) -> &str {
        (*self).into()
    }
}

impl<T: AsRef<str> + ?Sized> ValueOf<Open> for T {
    fn text(&self) -> &str {
        self.as_ref()
    }
}

impl<T: AsRef<str> + ?Sized> ValueOf<OneOf> for T {
    fn text(&self) -> &str {
        self.as_ref()
    }
}

/// The labels of a row, as a tuple of up to six kinds.
pub trait Labels {
    /// How many.
    #[doc(hidden)]
    const COUNT: usize;
    /// Whether a value of any must be looked up in the row's list.
    #[doc(hidden)]
    const IS_CHECKED: bool;
}

/// A value for each label of `L`, in the order of the row: `()` for none, the value itself for one, otherwise a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of values of the labels `{L}`",
    label = "expected one value of each of `{L}`, in this order"
)]
pub trait ValuesOf<L> {
    /// An array of one text for each label.
    #[doc(hidden)]
    type Texts<'v>: Texts<'v>
    where
        Self: 'v;
    /// The values as the page shows them.
    #[doc(hidden)]
    fn texts(&self) -> Self::Texts<'_>;
}

/// An array of label values.
#[doc(hidden)]
pub trait Texts<'v>: AsRef<[&'v str]> + AsMut<[&'v str]> + Copy {}

impl<'v, A: AsRef<[&'v str]> + AsMut<[&'v str]> + Copy> Texts<'v> for A {}

impl Labels for () {
    const COUNT: usize = 0;
    const IS_CHECKED: bool = false;
}

impl ValuesOf<()> for () {
    type Texts<'v> = [&'v str; 0];

    fn texts(&self) -> Self::Texts<'_> {
        []
    }
}

impl<L: LabelKind> Labels for (L,) {
    const COUNT: usize = 1;
    const IS_CHECKED: bool = L::IS_CHECKED;
}

impl<L, V: ValueOf<L>> ValuesOf<(L,)> for V {
    type Texts<'v>
        = [&'v str; 1]
    where
        V: 'v;

    fn texts(&self) -> Self::Texts<'_> {
        [self.text()]
    }
}

macro_rules! labels_in_tuples {
    ($($count:literal: $($kind:ident $value:ident $position:tt),+;)+) => {
        $(
            impl<$($kind: LabelKind),+> Labels for ($($kind,)+) {
                const COUNT: usize = $count;
                const IS_CHECKED: bool = $($kind::IS_CHECKED)||+;
            }

            impl<$($kind, $value: ValueOf<$kind>),+> ValuesOf<($($kind,)+)> for ($($value,)+) {
                type Texts<'v> = [&'v str; $count] where Self: 'v;

                fn texts(&self) -> Self::Texts<'_> {
                    [$(self.$position.text()),+]
                }
            }
        )+
    };
}

labels_in_tuples! {
    2: A V 0, B W 1;
    3: A V 0, B W 1, C X 2;
    4: A V 0, B W 1, C X 2, D Y 3;
    5: A V 0, B W 1, C X 2, D Y 3, E Z 4;
    6: A V 0, B W 1, C X 2, D Y 3, E Z 4, F T 5;
}
