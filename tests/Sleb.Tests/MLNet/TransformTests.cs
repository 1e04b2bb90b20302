using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.MLNet;

namespace Sleb.Tests.MLNet;

/// <summary>The transformer among ML.NET's own: lazy, composable, and other columns untouched.</summary>
public sealed class TransformTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly InventedModel _model = new();

    public void Dispose() => _model.Release();

    private sealed class Input
    {
        public string Text { get; set; } = "";
        public int Number { get; set; }
        [VectorType(2)] public float[] Vector { get; set; } = [];
    }

    private sealed class Output
    {
        public string Text { get; set; } = "";
        public string Completion { get; set; } = "";
        public float NegativeLogLikelihood { get; set; }
        public int Number { get; set; }
        public float[] Vector { get; set; } = [];
    }

    private sealed class CompletionOnly
    {
        public string Completion { get; set; } = "";
    }

    private static Input[] Rows(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new Input { Text = new string((char)('a' + i), i + 1), Number = i * i, Vector = [i, -i] })];

    private SlebModelTransformer Fit(Action<ApplySlebModelOptions>? change = null)
    {
        var options = new ApplySlebModelOptions { ModelFolder = _model.Folder, BatchSize = 3 };
        change?.Invoke(options);
        return _ml.Transforms.ApplySlebModel(options).Fit(Data(0));
    }

    private IDataView Data(int rows) => _ml.Data.LoadFromEnumerable(Rows(rows));

    [Fact]
    public void Rows_get_completion_and_score_and_keep_their_other_columns_and_their_order()
    {
        using var transformer = Fit();
        Output[] rows = [.. _ml.Data.CreateEnumerable<Output>(transformer.Transform(Data(7)), reuseRowObject: false)];

        Assert.Equal(["A", "BB", "CCC", "DDDD", "EEEEE", "FFFFFF", "GGGGGGG"], rows.Select(row => row.Completion));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], rows.Select(row => row.NegativeLogLikelihood));
        Assert.Equal(Rows(7).Select(row => row.Text), rows.Select(row => row.Text));
        Assert.Equal(Rows(7).Select(row => row.Number), rows.Select(row => row.Number));
        Assert.Equal(Rows(7).Select(row => row.Vector), rows.Select(row => row.Vector));
        Assert.Equal([3, 3, 1], _model.Batches.Select(batch => batch.Length));
    }

    [Fact]
    public void Nothing_is_computed_before_a_cursor_stands_on_a_row_and_reads()
    {
        using var transformer = Fit();
        var view = transformer.Transform(Data(7));
        _ = view.GetRowCount();
        using var cursor = view.GetRowCursor(view.Schema);
        var completion = cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Completion"]);
        Assert.Empty(_model.Batches);
        Assert.True(cursor.MoveNext());
        Assert.True(cursor.MoveNext());
        ReadOnlyMemory<char> value = default;
        completion(ref value);
        completion(ref value);
        Assert.Equal("BB", value.ToString());
        Assert.Equal(["a", "bb", "ccc"], Assert.Single(_model.Batches));
        Assert.Empty(_model.Scored);
    }

    [Fact]
    public void Columns_that_are_not_read_are_not_computed()
    {
        using var transformer = Fit();
        var view = transformer.Transform(Data(4));
        Assert.Equal(4, view.GetColumn<float>("NegativeLogLikelihood").Count());
        Assert.Empty(_model.Batches);
        Assert.Equal([0, 1, 4, 9], view.GetColumn<int>("Number"));
        Assert.Equal(4, _model.Scored.Count);
        Assert.Equal(4, view.GetColumn<string>("Completion").Count());
        Assert.Equal(4, _model.Scored.Count);
    }

    [Fact]
    public void A_cursor_refuses_columns_that_are_not_active_types_that_are_not_theirs_and_rows_that_are_not_there()
    {
        using var transformer = Fit();
        var view = transformer.Transform(Data(1));
        using var cursor = view.GetRowCursor([view.Schema["NegativeLogLikelihood"]]);
        Assert.False(cursor.IsColumnActive(view.Schema["Text"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<ReadOnlyMemory<char>>(view.Schema["Completion"]));
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<double>(view.Schema["NegativeLogLikelihood"]));
        var score = cursor.GetGetter<float>(view.Schema["NegativeLogLikelihood"]);
        float value = 0;
        Assert.Throws<InvalidOperationException>(() => score(ref value));
        Assert.True(cursor.MoveNext());
        score(ref value);
        Assert.Equal(1, value);
        Assert.False(cursor.MoveNext());
        Assert.Equal(-1, cursor.Position);
        Assert.Throws<InvalidOperationException>(() => score(ref value));
    }

    [Fact]
    public void Row_ids_are_the_sources()
    {
        using var transformer = Fit();
        var source = _ml.Data.SkipRows(Data(7), 2);
        Assert.Equal(Ids(source), Ids(transformer.Transform(source)));
        Assert.Equal(5, Ids(source).Distinct().Count());

        static List<DataViewRowId> Ids(IDataView view)
        {
            using var cursor = view.GetRowCursor(view.Schema);
            var getId = cursor.GetIdGetter();
            var ids = new List<DataViewRowId>();
            for (DataViewRowId id = default; cursor.MoveNext(); ids.Add(id)) getId(ref id);
            return ids;
        }
    }

    [Fact]
    public void Batching_changes_nothing()
    {
        using var one = Fit(options => options.BatchSize = 1);
        using var many = Fit(options => options.BatchSize = 100);
        Assert.Equal(one.Transform(Data(9)).GetColumn<string>("Completion"), many.Transform(Data(9)).GetColumn<string>("Completion"));
        Assert.Equal(10, _model.Batches.Count);
    }

    [Fact]
    public void A_column_without_a_name_is_left_out()
    {
        using var completes = Fit(options => options.ScoreColumnName = null);
        using var scores = Fit(options => options.OutputColumnName = "");
        Assert.Equal(["Text", "Number", "Vector", "Completion"], completes.Transform(Data(1)).Schema.Select(column => column.Name));
        Assert.Equal(["Text", "Number", "Vector", "NegativeLogLikelihood"], scores.Transform(Data(1)).Schema.Select(column => column.Name));
    }

    [Fact]
    public void It_composes_before_and_behind_other_transforms()
    {
        var pipeline = _ml.Transforms.CopyColumns("Prompt", "Text")
            .Append(_ml.Transforms.ApplySlebModel("Completion", "Prompt", _model.Folder))
            .Append(_ml.Transforms.Concatenate("Features", "NegativeLogLikelihood", "Vector"))
            .Append(_ml.Transforms.Text.NormalizeText("Lower", "Completion"));
        var chain = pipeline.Fit(Data(2));
        var view = chain.Transform(Data(3));
        Assert.Equal([[1, 0, 0], [2, 1, -1], [3, 2, -2]], view.GetColumn<float[]>("Features"));
        Assert.Equal(["a", "bb", "ccc"], view.GetColumn<string>("Lower"));
        chain.Dispose();
    }

    [Fact]
    public void A_prediction_engine_computes_what_its_output_class_asks_for()
    {
        using var transformer = Fit();
        using var both = _ml.Model.CreatePredictionEngine<Input, Output>(transformer, new PredictionEngineOptions { OwnsTransformer = false });
        var first = both.Predict(new Input { Text = "xy", Number = 5, Vector = [1, 2] });
        var second = both.Predict(new Input { Text = "xyz", Number = 6, Vector = [3, 4] });
        Assert.Equal(("XY", 2f, 5), (first.Completion, first.NegativeLogLikelihood, first.Number));
        Assert.Equal(("XYZ", 3f, 6), (second.Completion, second.NegativeLogLikelihood, second.Number));
        Assert.Equal([3f, 4f], second.Vector);
        Assert.Equal(2, _model.Scored.Count);

        using var completes = _ml.Model.CreatePredictionEngine<Input, CompletionOnly>(transformer, new PredictionEngineOptions { OwnsTransformer = false });
        Assert.Equal("Q", completes.Predict(new Input { Text = "q", Vector = [0, 0] }).Completion);
        Assert.Equal(2, _model.Scored.Count);
    }

    [Fact]
    public void Shuffling_and_taking_rows_work_through_it()
    {
        using var transformer = Fit();
        var shuffled = _ml.Data.ShuffleRows(transformer.Transform(_ml.Data.Cache(Data(7))), seed: 3);
        foreach (var row in _ml.Data.CreateEnumerable<Output>(shuffled, reuseRowObject: false))
            Assert.Equal((row.Text.ToUpperInvariant(), (float)row.Text.Length, (row.Text.Length - 1) * (row.Text.Length - 1)), (row.Completion, row.NegativeLogLikelihood, row.Number));
        _model.Batches.Clear();
        Assert.Equal(["A", "BB"], _ml.Data.TakeRows(transformer.Transform(Data(7)), 2).GetColumn<string>("Completion"));
        Assert.Single(_model.Batches);
    }

    [Fact]
    public void One_cut_prompt_is_a_warning_and_more_of_them_are_no_further_ones()
    {
        var warnings = new List<string>();
        _ml.Log += (_, e) => { if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning) warnings.Add(e.RawMessage); };
        using var transformer = Fit(options => options.BatchSize = 1);
        var data = _ml.Data.LoadFromEnumerable(new[] { new string('s', 101), new string('t', 102) }.Select(text => new Input { Text = text, Vector = [0, 0] }));
        Assert.Equal(2, transformer.Transform(data).GetColumn<string>("Completion").Count());
        Assert.Equal("A prompt was cut. Further prompts that are cut are not reported.", Assert.Single(warnings));
    }

    [Fact]
    public void Cancelling_ends_a_cursor()
    {
        using var source = new CancellationTokenSource();
        using var byToken = Fit(options => options.CancellationToken = source.Token);
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => byToken.Transform(Data(2)).GetColumn<string>("Completion").ToList());
        using var byContext = Fit();
        InternalsTests.Cancel(_ml);
        Assert.Throws<OperationCanceledException>(() => byContext.Transform(Data(2)).GetColumn<float>("NegativeLogLikelihood").ToList());
    }

    [Fact]
    public void A_disposed_transformer_says_so_and_the_last_user_releases_the_model()
    {
        var first = Fit();
        var second = Fit();
        _model.Release();
        var view = first.Transform(Data(1));
        first.Dispose();
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Transform(Data(1)));
        Assert.Throws<ObjectDisposedException>(() => view.GetColumn<string>("Completion").ToList());
        Assert.False(_model.IsReleased);
        Assert.Equal(["A"], second.Transform(Data(1)).GetColumn<string>("Completion")); // the folder is gone, the loaded model is not
        second.Dispose();
        Assert.True(_model.IsReleased);
    }
}
