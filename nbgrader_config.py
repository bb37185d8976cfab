"""nbgrader's settings for this repository.

Found by the `nbgrader` command when it is run in this folder, and read by `kdcourse build-exercises`,
so that both make the same exercise from the same solution. Nothing is imported here.
"""

c = get_config()

# One source per exercise: the solved notebook. The learner's copy is generated from it.
c.CourseDirectory.course_id = "kdcourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# What the learner finds where the solution was.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("exercise not solved yet")'}
c.ClearSolutions.text_stub = "*Write your answer here.*"

# Per cell. nbgrader's own 30 s is too short for a training cell on a slow or busy machine; without any
# limit one endless loop would stop the grading of a whole class.
c.ExecutePreprocessor.timeout = 120
c.ExecutePreprocessor.startup_timeout = 120
c.ExecutePreprocessor.interrupt_on_timeout = True
