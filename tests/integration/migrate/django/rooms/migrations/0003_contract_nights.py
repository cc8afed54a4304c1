from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rooms", "0002_nights")]
    operations = [migrations.RemoveField("Room", "nights")]
