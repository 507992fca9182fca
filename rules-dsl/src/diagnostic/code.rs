//! The registry of codes. A code is never reused for something else.

/// Level of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticLevel {
    /// The rules do not run.
    Error,
    /// They run, but probably not as meant.
    Warning,
}

/// Declares every code once: variant, number, and what it is about.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal;)+) => {
        /// Code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DiagnosticCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl DiagnosticCode {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [DiagnosticCode] = &[$(DiagnosticCode::$name,)+];

            /// The number people look up: `E…` stops the rules, `W…` does not.
            pub const fn id(self) -> &'static str {
                match self {
                    $(DiagnosticCode::$name => $id,)+
                }
            }

            /// Returns its subject, in one English line.
            pub const fn about(self) -> &'static str {
                match self {
                    $(DiagnosticCode::$name => concat!($($doc),+),)+
                }
            }
        }
    };
}

codes! {
    /// A character that means nothing here.
    StrayCharacter = "E0101";
    /// A circled, superscript or squared character that would silently become a number or unit.
    DisguisedCharacter = "E0102";
    /// A text or back-quoted name without its end.
    Unterminated = "E0103";
    /// An escape in a text that does not exist.
    UnknownEscape = "E0104";
    /// A number written with separators or in kanji.
    NumberSpelling = "E0105";
    /// A number followed by letters that are no unit.
    UnknownUnit = "E0106";
    /// A quantity that runs on into a word.
    UnitRunsOn = "E0107";
    /// A phrase with two readings.
    TwoReadings = "E0108";
    /// A named limit of the language is exceeded.
    LimitExceeded = "E0109";
    /// A number too large or with too many digits.
    NumberRange = "E0110";
    /// A time of day that does not exist.
    ClockTime = "E0111";
    /// Something else was expected.
    Unexpected = "E0201";
    /// A reserved word where a name is expected.
    ReservedWord = "E0202";
    /// A clause or option written twice.
    RepeatedClause = "E0204";
    /// An alert without severity.
    MissingSeverity = "E0205";
    /// An alert without a level to compare with.
    MissingLevel = "E0206";
    /// A sequence of events written in no shape it has.
    SequenceShape = "E0207";
    /// A name nothing declares.
    UnknownName = "E0301";
    /// A name declared twice.
    DuplicateName = "E0302";
    /// A field the stream does not have.
    UnknownField = "E0303";
    /// Filters or measures that build on themselves.
    Circle = "E0304";
    /// A name of another kind than the place asks for.
    WrongKind = "E0305";
    /// A name that only alerts of hansho about itself have.
    ReservedName = "E0306";
    /// A stream without exactly one event time.
    EventTime = "E0401";
    /// A field type that does not exist.
    UnknownType = "E0402";
    /// A field type with a wrong or missing argument.
    TypeArgument = "E0403";
    /// A codec that does not exist.
    UnknownCodec = "E0404";
    /// An extract pattern that cannot be read.
    BadPattern = "E0405";
    /// A field declared twice.
    DuplicateField = "E0406";
    /// A path at which no record of the codec has anything.
    UnknownPath = "E0407";
    /// Operands whose types do not go together.
    TypeMismatch = "E0501";
    /// A quantity in a unit the measured value does not have.
    UnitMismatch = "E0502";
    /// A constant that is no value of the field's type.
    BadConstant = "E0503";
    /// A regular expression that cannot be compiled.
    BadRegex = "E0504";
    /// A value where a condition is expected, or the other way round.
    NotACondition = "E0505";
    /// A measure without a window.
    MissingWindow = "E0601";
    /// A window or minimum given twice.
    RepeatedWindow = "E0602";
    /// A field whose values are no identity, used as a key.
    KeyType = "E0603";
    /// Two joined streams whose keys differ in type.
    KeysDisagree = "E0604";
    /// A clear level that is not on the easier side.
    ClearSide = "E0605";
    /// A measure that does not fit what it measures.
    MeasureArgument = "E0606";
    /// A length of time that is zero, too long or finer than a millisecond.
    BadDuration = "E0607";
    /// A level beyond what the measure can reach exactly.
    LevelRange = "E0608";
    /// A placeholder that nothing fills.
    UnknownPlaceholder = "E0609";
    /// A message template that cannot be read.
    BadTemplate = "E0610";
    /// A clause that the kind of trigger does not take.
    ClauseRefused = "E0611";
    /// A ladder whose levels do not make one.
    LadderShape = "E0612";
    /// An absence that does not say which keys are missed.
    AbsenceScope = "E0613";
    /// A calendar without a time zone.
    CalendarZone = "E0614";
    /// A table that does not fit the alert whose levels it is to override.
    OverrideShape = "E0615";
    /// A file that rules name and that cannot be read or used.
    NamedFile = "E0616";
    /// A rule without keys that is true of nothing at all, and so since no instant.
    TrueOfNothing = "E0617";
    /// An event of a test that its stream cannot have.
    TestEvent = "E0701";
    /// Something a test expects that no transition can show.
    TestClaim = "E0702";
    /// A ratio without a minimum number of events.
    RatioWithoutMin = "W0101";
    /// A condition that can never hold.
    NeverHolds = "W0102";
    /// A condition that always holds.
    AlwaysHolds = "W0103";
    /// A low threshold per key: a silent key is not judged.
    LowSideWithKey = "W0104";
    /// Two alerts on one measure that should be one with a ladder.
    ShouldBeLadder = "W0105";
    /// A condition that one event turns on for less time than `for` asks.
    ForOutlivesWindow = "W0106";
    /// A `for` or `keep` finer than the step of the window.
    FinerThanStep = "W0107";
    /// A filter no event can satisfy.
    NeverMatches = "W0108";
    /// A time to be missed in that is shorter than events may be late.
    ShorterThanLateness = "W0109";
    /// A count of events with a unit of people or machines.
    EventsAreNotPeople = "W0110";
    /// A field that is measured and identifies what is measured.
    MeasuredKey = "W0111";
    /// A key that is the id of events.
    KeyPerEvent = "W0112";
    /// Hours of a calendar that its clocks skip or show twice on some day.
    ChangedClocks = "W0113";
    /// Events of which the data has none.
    NeverSeen = "W0201";
    /// A rule that fires as long as there is data.
    FiresThroughout = "W0202";
    /// A window shorter than the distance of the events it is to see.
    WindowBelowCadence = "W0203";
    /// A stream of which more than one event in a hundred comes too late.
    ManyLate = "W0204";
    /// Keys that outgrow the room of their rule, or of which hardly one comes again.
    UnboundedKey = "W0205";
    /// A stream of which more waits out its lateness than the service has room for.
    LateBudget = "W0206";
}

impl DiagnosticCode {
    /// Returns its level: `W…` are warnings.
    pub fn level(self) -> DiagnosticLevel {
        if self.id().starts_with('W') { DiagnosticLevel::Warning } else { DiagnosticLevel::Error }
    }
}
