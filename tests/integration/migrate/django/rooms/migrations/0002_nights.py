# steady: expand
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rooms", "0001_initial")]
    operations = [migrations.AddField("Room", "nights", models.IntegerField(null=True))]
