"""`make bench`: what Issuewright costs, each figure beside the floor that was measured in the same run."""
