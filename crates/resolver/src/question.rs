//! A question of class IN: what is looked up, joined and cached.

use std::fmt;

use dns::{Name, NameBuf, RType};

/// A name and a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// QNAME.
    pub name: NameBuf,
    /// QTYPE.
    pub rtype: RType,
}

impl Question {
    /// The question for `rtype` at `name`, in lower case: the case in which a client asked stays with the client.
    ///
    /// ```
    /// use dns::{NameBuf, RType};
    /// use resolver::Question;
    ///
    /// let question = Question::new("WWW.Example.".parse::<NameBuf>()?, RType::AAAA);
    /// assert_eq!(question.to_string(), "www.example. AAAA");
    /// # Ok::<(), dns::NameError>(())
    /// ```
    pub fn new(name: impl AsRef<Name>, rtype: RType) -> Question {
        Question { name: name.as_ref().to_canonical(), rtype }
    }
}

impl Question {
    /// Whether data can be the answer: not to questions for meta types (RFC 6895 3.1), of which there is none in any zone,
    /// ANY aside.
    pub fn is_for_data(&self) -> bool {
        self.rtype == RType::ANY || !self.rtype.is_meta()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.rtype)
    }
}
