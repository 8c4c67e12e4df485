"""Who answers the questions that the interaction model hands on."""
