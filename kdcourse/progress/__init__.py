"""What a learner has tried and passed: kept in one file of the course's folder, on this machine only.

`store` keeps it, `cells` notices check cells that ask no `check`, `exercises` knows which tasks there are,
`course` draws the map of lecture 00, `table` is `kdcourse progress`, and `before_handing_in` is `kdcourse
check`.
"""
