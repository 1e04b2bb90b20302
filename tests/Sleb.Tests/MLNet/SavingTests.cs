using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.Core.Checkpoints;
using Sleb.MLNet;
using Sleb.MLNet.Persistence;

namespace Sleb.Tests.MLNet;

/// <summary>A pipeline goes into ML.NET's own file and comes back (in this process; ConsumerTests load it in a fresh one).</summary>
public sealed class SavingTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly InventedModel _model = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _model.Release();
        _folder.Dispose();
    }

    private sealed class Input
    {
        public string Prompt { get; set; } = "";
        public int Number { get; set; }
    }

    private sealed class Output
    {
        public string Written { get; set; } = "";
        public float Loss { get; set; }
        public int Number { get; set; }
    }

    private IDataView Data(params string[] prompts) => _ml.Data.LoadFromEnumerable(prompts.Select((prompt, i) => new Input { Prompt = prompt, Number = i }));

    private ApplySlebModelOptions Options() =>
        new() { ModelFolder = _model.Folder, InputColumnName = "Prompt", OutputColumnName = "Written", ScoreColumnName = "Loss" };

    private ITransformer SaveAndLoad(ITransformer transformer, DataViewSchema schema, out DataViewSchema loadedSchema)
    {
        _ml.Model.Save(transformer, schema, _folder["model.zip"]);
        return new MLContext().Model.Load(_folder["model.zip"], out loadedSchema);
    }

    [Fact]
    public void The_loaded_pipeline_does_what_the_saved_one_did()
    {
        var data = Data("a \"quoted\" \\ text", "ß", "two\nlines");
        using var saved = _ml.Transforms.ApplySlebModel(Options()).Fit(data);
        var loaded = SaveAndLoad(saved, data.Schema, out var schema);

        Assert.Equal(["Prompt", "Number"], schema.Select(column => column.Name));
        var before = saved.Transform(data);
        var after = loaded.Transform(data);
        Assert.Equal(before.Schema.Select(column => (column.Name, column.Type)), after.Schema.Where(column => !column.IsHidden).Select(column => (column.Name, column.Type)));
        Assert.Equal(before.GetColumn<string>("Written"), after.GetColumn<string>("Written"));
        Assert.Equal(before.GetColumn<float>("Loss"), after.GetColumn<float>("Loss"));
        Assert.Equal([0, 1, 2], after.GetColumn<int>("Number"));
    }

    [Fact]
    public void The_loaded_pipeline_computes_only_the_columns_that_are_read()
    {
        using var saved = _ml.Transforms.ApplySlebModel(Options()).Fit(Data());
        var loaded = SaveAndLoad(saved, Data().Schema, out _);
        Assert.Equal(2, loaded.Transform(Data("a", "b")).GetColumn<float>("Loss").Count());
        Assert.Empty(_model.Batches);
        Assert.Equal(2, _model.Scored.Count);
    }

    [Fact]
    public void A_prediction_engine_comes_from_the_loaded_pipeline()
    {
        var pipeline = _ml.Transforms.ApplySlebModel(Options()).Append(_ml.Transforms.CopyColumns("Copied", "Written"));
        var loaded = SaveAndLoad(pipeline.Fit(Data()), Data().Schema, out var schema);
        using var engine = _ml.Model.CreatePredictionEngine<Input, Output>(loaded, schema);
        var output = engine.Predict(new Input { Prompt = "abc", Number = 8 });
        Assert.Equal(("ABC", 3f, 8), (output.Written, output.Loss, output.Number));
        Assert.Equal("DE", engine.Predict(new Input { Prompt = "de" }).Written);
    }

    [Fact]
    public void A_column_that_was_left_out_stays_out()
    {
        var options = Options();
        options.ScoreColumnName = null;
        using var saved = _ml.Transforms.ApplySlebModel(options).Fit(Data());
        var loaded = SaveAndLoad(saved, Data().Schema, out _);
        Assert.Equal(["Prompt", "Number", "Written"], loaded.Transform(Data("x")).Schema.Where(column => !column.IsHidden).Select(column => column.Name));
    }

    [Fact]
    public void The_input_column_may_be_replaced_by_the_completion()
    {
        var options = Options();
        options.OutputColumnName = "Prompt";
        using var saved = _ml.Transforms.ApplySlebModel(options).Fit(Data());
        var loaded = SaveAndLoad(saved, Data().Schema, out _);
        foreach (var transformer in new ITransformer[] { saved, loaded })
        {
            var view = transformer.Transform(Data("x", "y"));
            Assert.Equal(["X", "Y"], view.GetColumn<string>("Prompt"));
            Assert.Equal([1f, 1f], view.GetColumn<float>("Loss"));
        }
    }

    [Fact]
    public void A_model_folder_that_was_moved_is_found_by_its_name_and_otherwise_the_sentence_lists_where_it_was_looked_for()
    {
        var saved = new SavedModel { Folder = _folder["gone", "tiny"], Name = "tiny", Fingerprint = Fingerprint(), Settings = Options().ToSettings() };
        var missing = Assert.Throws<CheckpointException>(() => ModelLocator.Find(saved));
        Assert.Contains(Path.Combine(AppContext.BaseDirectory, "tiny") + " (not there)", missing.Message, StringComparison.Ordinal);
        Assert.Contains(Path.GetFullPath("tiny") + " (not there)", missing.Message, StringComparison.Ordinal);
        Assert.Contains(_folder["gone", "tiny"] + " (not there)", missing.Message, StringComparison.Ordinal);
        Assert.Contains("SLEB_MODEL_ROOT", missing.Message, StringComparison.Ordinal);

        string beside = Path.Combine(AppContext.BaseDirectory, "tiny");
        Directory.CreateDirectory(beside);
        try
        {
            Assert.Contains(beside + " (not a model folder)", Assert.Throws<CheckpointException>(() => ModelLocator.Find(saved)).Message, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(beside, "genai_config.json"), "another model");
            Assert.Contains(beside + " (another model: fingerprint ", Assert.Throws<CheckpointException>(() => ModelLocator.Find(saved)).Message, StringComparison.Ordinal);
            File.Copy(Path.Combine(_model.Folder, "genai_config.json"), Path.Combine(beside, "genai_config.json"), overwrite: true);
            Assert.Equal(beside, ModelLocator.Find(saved));
        }
        finally
        {
            Directory.Delete(beside, recursive: true);
        }
    }

    [Fact]
    public void Damaged_and_newer_states_are_refused()
    {
        Assert.Contains("damaged", Assert.Throws<CheckpointException>(() => SavedModel.Parse("{")).Message, StringComparison.Ordinal);
        var newer = new SavedModel { Format = "sleb-mlnet/2", Folder = "/f", Name = "f", Fingerprint = "0", Settings = Options().ToSettings() };
        Assert.Contains("'sleb-mlnet/2'", Assert.Throws<CheckpointException>(() => SavedModel.Parse(newer.ToJson())).Message, StringComparison.Ordinal);
        var same = newer with { Format = "sleb-mlnet/1", Name = "a \"name\" ü" };
        Assert.Equal(same, SavedModel.Parse(same.ToJson()));
    }

    [Fact]
    public void After_SaveModelFolder_the_pipeline_refers_to_the_copy()
    {
        using var saved = _ml.Transforms.ApplySlebModel(Options()).Fit(Data());
        Assert.Equal(_model.Folder, saved.ModelFolder);
        saved.SaveModelFolder(_folder["copy"]);
        Assert.Equal(_folder["copy"], saved.ModelFolder);
        Assert.Equal(["genai_config.json"], Directory.GetFiles(_folder["copy"]).Select(Path.GetFileName));
        Assert.Throws<IOException>(() => saved.SaveModelFolder(_folder["copy"]));
        saved.SaveModelFolder(_folder["copy"], overwrite: true);
        Assert.Throws<ArgumentException>(() => saved.SaveModelFolder(Path.GetDirectoryName(_model.Folder)!, overwrite: true));
        Assert.Equal(_folder["copy"], saved.ModelFolder);

        var loaded = SaveAndLoad(saved, Data().Schema, out _);
        string original = Path.Combine(_model.Folder, "genai_config.json");
        File.Delete(original); // only the copy is left to be found
        Assert.Equal(["X"], loaded.Transform(Data("x")).GetColumn<string>("Written"));
    }

    private string Fingerprint() => Sleb.Core.Artifacts.FolderFingerprint.Compute(_model.Folder);
}
